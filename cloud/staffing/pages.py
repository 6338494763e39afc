"""The page on who sits where, and the two forms by which a clerk comes to the own window and leaves it."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import RedirectResponse

from cloud.calendar import Calendar
from cloud.console.listing import Cell, Column, Listing
from cloud.console.screens import Screens, language_of, queried
from cloud.day import NamedDay
from cloud.door.asker import asker_of
from cloud.people.rules import Person
from cloud.registry.routes import OWN_PLACE
from cloud.registry.snapshot import Registry, names_of
from cloud.staffing import reading
from cloud.staffing.reading import Sits, Sought
from cloud.staffing.seats import Seats
from cloud.staffing.sitting import Unseated, Why

PAGE = 200
_NEWEST = 1 << 53
_COLUMNS = (
    Column("duties.window"),
    Column("duties.person"),
    Column("duties.code"),
    Column("duties.since"),
    Column("duties.until"),
    Column("duties.state"),
)
WORDS: dict[Why, str] = {
    "no_code": "seat.no_code",
    "elsewhere": "seat.elsewhere",
    "no_window": "seat.no_window",
    "taken": "seat.taken",
    "sits": "seat.sits",
    "nobody": "seat.nobody",
}
Part = Annotated[str, Query(max_length=60)]
# Shows the desk, and above it why something was not done.
Desk = Callable[[Request, str], Awaitable[Response]]


class Pages:
    """`desk` shows a clerk's desk; `calendar` has the city's days, `now` is its time in ms."""

    def __init__(
        self,
        reader: AsyncEngine,
        seats: Seats,
        screens: Screens,
        desk: Desk,
        *,
        registry: Callable[[], Registry],
        calendar: Calendar,
        now: Callable[[], int],
    ) -> None:
        self._reader = reader
        self._seats = seats
        self._screens = screens
        self._desk = desk
        self._registry = registry
        self._calendar = calendar
        self._now = now

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/duties", self.duties)
        pages.add_api_route("/desk/sit", self.sit, methods=["POST"])
        pages.add_api_route("/desk/leave", self.leave, methods=["POST"])
        return pages

    async def duties(
        self,
        request: Request,
        place: Annotated[str, Query(pattern=OWN_PLACE)] = "",
        day: Annotated[NamedDay | None, Query()] = None,
        window: Part = "",
        person: Part = "",
        after: Annotated[str, Query(max_length=40)] = "",
        since: Annotated[int, Query(ge=0, le=_NEWEST)] = 0,
    ) -> Response:
        """List who sits where on a day, by default today, at a place, by default the asker's own."""
        here, now = place or asker_of(request).person.place, self._now()
        shown = self._calendar.day(now) if day is None else day.isoformat()
        begin, end = self._calendar.start(shown), self._calendar.end(shown)
        sought = Sought(names_of(here), begin, end, window, person, (after, since))
        async with self._reader.connect() as connection:
            found = await reading.page(connection, sought, PAGE)
        more = None
        if len(found) == PAGE:
            more = queried(request, after=found[-1].window, since=found[-1].since)
        listing = Listing("duties", _COLUMNS, [self._row(request, one, now) for one in found], more)
        return self._screens.listed(
            request, "duties.html", listing, place=place, day=shown, window=window, person=person
        )

    async def sit(self, request: Request) -> Response:
        """Begin the asker's duty at the own window."""
        return await self._done(request, self._seats.sit)

    async def leave(self, request: Request) -> Response:
        """End it."""
        return await self._done(request, self._seats.leave)

    async def _done(self, request: Request, deed: Callable[[Person], Awaitable[None]]) -> Response:
        try:
            await deed(asker_of(request).person)
        except Unseated as refused:
            figures = {}
            if refused.held is not None:
                seat = await self._seats.named(refused.held)
                figures = {
                    "who": self._called(request, seat.who.zh, seat.who.en),
                    "until": self._until(request, seat.until),
                }
            return await self._desk(request, self._screens.word(request, WORDS[refused.why], **figures))
        return RedirectResponse("/desk", 303)

    def _row(self, request: Request, one: Sits, now: int) -> list[Cell]:
        present = one.since <= now and (one.until is None or now < one.until)
        state = "present" if present else "coming" if now < one.since else "past"
        return [
            Cell(self._registry().called(one.window, language_of(request))),
            Cell(self._called(request, one.zh, one.en)),
            Cell(one.code),
            Cell(self._calendar.shown(one.since)),
            Cell(self._until(request, one.until)),
            Cell(
                self._screens.word(request, f"duties.{state}"),
                tone="good" if present else "quiet",
            ),
        ]

    def _called(self, request: Request, zh: str, en: str) -> str:
        return zh if language_of(request) == "zh" else en

    def _until(self, request: Request, until: int | None) -> str:
        return self._screens.word(request, "imports.open_end") if until is None else self._calendar.shown(until)
