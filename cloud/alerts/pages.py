"""The pages on alerts: a list that keeps itself up to date, and one alert with its history and what can be done now."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import RedirectResponse

from cloud.alerts import store
from cloud.alerts.alert import Action, Alert, AlertRefused, State
from cloud.alerts.desk import AlertDesk
from cloud.alerts.letters import headline
from cloud.alerts.routes import STATUS
from cloud.alerts.rules import allowed
from cloud.alerts.store import NEWEST, Asked
from cloud.calendar import Calendar
from cloud.console.listing import Cell, Column, Listing, Tone
from cloud.console.screens import Screens, language_of, queried
from cloud.door.asker import asker_of
from cloud.door.numbered import place_of
from cloud.openapi import problem
from cloud.people.rules import AT_ONCE, Person
from cloud.registry.routes import OWN_PLACE
from cloud.registry.snapshot import Registry, names_of

PAGE = 50
_COLUMNS = (
    Column("alerts.number", number=True),
    Column("alerts.state"),
    Column("alerts.what"),
    Column("alerts.raised"),
    Column("alerts.holder"),
)
# By which key each is chosen on an alert's page.
KEYS: dict[Action, str] = {"acknowledge": "a", "comment": "n", "close": "x"}
_TONES: dict[State, Tone] = {"open": "bad", "acknowledged": "warn", "closed": "quiet"}


class Pages:
    """Reads through `reader` and acts at `desk`; `registry` names places."""

    def __init__(
        self,
        reader: AsyncEngine,
        desk: AlertDesk,
        screens: Screens,
        *,
        registry: Callable[[], Registry],
        calendar: Calendar,
    ) -> None:
        self._reader = reader
        self._desk = desk
        self._screens = screens
        self._registry = registry
        self._calendar = calendar

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/alerts", self.alerts)
        pages.add_api_route("/alerts/{number}", self.alert)
        pages.add_api_route("/alerts/{number}/act", self.act, methods=["POST"])
        return pages

    async def where(self, number: str, _person: Person) -> str | None:
        """Return the window of alert `number`, for the door; None where there is none."""
        return await place_of(self._reader, number, store.window_of)

    async def alerts(
        self,
        request: Request,
        place: Annotated[str, Query(pattern=OWN_PLACE)] = "",
        before: Annotated[int, Query(ge=1, le=NEWEST)] = NEWEST,
        *,
        closed: Annotated[bool, Query()] = False,
        mine: Annotated[bool, Query()] = False,
    ) -> Response:
        """List the alerts of a place, by default the asker's own, the newest first."""
        person = asker_of(request).person
        asked = Asked(names_of(place or person.place), closed, person.name if mine else "", before)
        async with self._reader.connect() as connection:
            found = await store.page(connection, asked, PAGE)
        more = None
        if len(found) == PAGE:
            more = queried(request, before=found[-1].number)
        listing = Listing("alerts", _COLUMNS, [self._row(request, one) for one in found], more)
        return self._screens.listed(request, "alerts.html", listing, closed=closed, mine=mine, place=place)

    async def alert(self, request: Request, number: int) -> Response:
        """Show one alert."""
        return await self._alert(request, number)

    async def act(
        self,
        request: Request,
        number: int,
        action: Annotated[Action, Form()],
        seen: Annotated[int, Form(ge=0)],
        text: Annotated[str, Form(max_length=8000)] = "",
    ) -> Response:
        """Do what was asked for, and show the alert as it is then."""
        try:
            await self._desk.act(number, action, text, asker_of(request).person, seen=seen)
        except AlertRefused as refused:
            return await self._alert(request, number, refused=refused, text=text)
        return RedirectResponse(f"/alerts/{number}", 303)

    async def _alert(
        self, request: Request, number: int, *, refused: AlertRefused | None = None, text: str = ""
    ) -> Response:
        async with self._reader.begin() as connection:
            alert = await store.load(connection, number)
            steps = await store.steps(connection, number)
        if alert is None:
            return problem(404, f"there is no alert {number}")
        return self._screens.page(
            request,
            "alert.html",
            here=f"/alerts/{number}",
            status=200 if refused is None else STATUS[refused.why],
            alert=alert,
            headline=self._headline(request, alert),
            figures=alert.figures if asker_of(request).person.role in AT_ONCE else None,
            steps=steps,
            actions=allowed(alert, asker_of(request).person),
            keys=KEYS,
            tone=_TONES[alert.state],
            refused="" if refused is None else f"cases.refused_{refused.why}",
            text=text,
        )

    def _row(self, request: Request, one: Alert) -> list[Cell]:
        word = self._screens.word
        return [
            Cell(str(one.number), f"/alerts/{one.number}"),
            Cell(word(request, f"alert.{one.state}"), tone=_TONES[one.state]),
            Cell(self._headline(request, one)),
            Cell(self._calendar.shown(one.raised_at)),
            Cell(one.holder or word(request, "alerts.nobody"), tone="" if one.holder else "bad"),
        ]

    def _headline(self, request: Request, one: Alert) -> str:
        language = language_of(request)
        return headline(one, language, self._registry().called(one.window, language))
