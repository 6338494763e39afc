"""The page on whose turn it is to see to a place."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse

from cloud.calendar import Calendar, milliseconds
from cloud.changes import store as changes
from cloud.console.listing import Cell, Column, Listing
from cloud.console.screens import Screens
from cloud.database import Database
from cloud.day import FIRST, LAST
from cloud.door.asker import asker_of
from cloud.people import accounts
from cloud.people.rules import LEADERS, Person, within
from cloud.registry.snapshot import Registry
from cloud.rota import store
from cloud.rota.rules import Turn, check
from contract.errors import SettingsError

_COLUMNS = (
    Column("rota.place"),
    Column("rota.from"),
    Column("rota.until"),
    Column("rota.a"),
    Column("rota.b"),
    Column("rota.state"),
)
_PLACE = r"^$|^(city|[0-9]{6}|[0-9]{9})$"
Place = Annotated[str, Query(pattern=_PLACE)]
Text = Annotated[str, Form(max_length=100)]


class Pages:
    """Reads and writes `database`; `registry` names places, `now` is the city's time in ms."""

    def __init__(
        self,
        database: Database,
        screens: Screens,
        *,
        registry: Callable[[], Registry],
        calendar: Calendar,
        now: Callable[[], int],
    ) -> None:
        self._database = database
        self._screens = screens
        self._registry = registry
        self._calendar = calendar
        self._now = now

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/rota", self.rota)
        pages.add_api_route("/rota", self.put, methods=["POST"])
        pages.add_api_route("/rota/end", self.end, methods=["POST"])
        return pages

    async def rota(self, request: Request, place: Place = "") -> Response:
        """List the turns of a place and all in it, from now on."""
        return await self._rota(request, place)

    async def put(
        self,
        request: Request,
        a: Text,
        from_: Annotated[str, Form(alias="from", max_length=20)],
        b: Text = "",
        to: Text = "",
        place: Place = "",
    ) -> Response:
        """Put a turn of the place."""
        person = asker_of(request).person
        where = place or person.place
        try:
            turn = Turn(where, self._moment(from_), self._moment(to) if to else None, a.strip(), b.strip() or None)
            async with self._database.writer.begin() as connection:
                holders = [await _holder(connection, name, person) for name in (turn.a, turn.b)]
                check(turn, holders, self._registry().places)
                await store.put(connection, turn)
                await changes.note(
                    connection, self._now(), person.name, "put-turn", where, where, a=turn.a, b=turn.b, begins=from_
                )
        except SettingsError as bad:
            return await self._rota(request, place, said=str(bad), wanted={"a": a, "b": b, "from": from_, "to": to})
        return RedirectResponse(f"/rota?place={where}", 303)

    async def end(
        self, request: Request, valid_from: Annotated[int, Form(ge=0, lt=1 << 53)], place: Place = ""
    ) -> Response:
        """End a turn of the place, or take it back where it has not begun."""
        person = asker_of(request).person
        where = place or person.place
        async with self._database.writer.begin() as connection:
            whose = await store.end(connection, where, valid_from, self._now())
            if whose is not None:
                await changes.note(connection, self._now(), person.name, "end-turn", where, where, a=whose)
        return RedirectResponse(f"/rota?place={where}", 303)

    async def _rota(
        self, request: Request, place: str, *, said: str = "", wanted: dict[str, str] | None = None
    ) -> Response:
        person, now = asker_of(request).person, self._now()
        where = place or person.place
        async with self._database.reader.connect() as connection:
            turns = [turn for turn in await store.coming(connection, now) if within(turn.place, where)]
            known = await accounts.every(connection)
        leaders = [
            one
            for one in known
            if one.ended_at is None
            and one.role in LEADERS
            and within(where, one.place)
            # Whose account is not of the asker's place is not theirs to know.
            and within(one.place, person.place)
        ]
        return self._screens.listed(
            request,
            "rota.html",
            Listing("rota", _COLUMNS, [self._row(request, turn) for turn in turns]),
            status=400 if said else 200,
            place=where,
            places=[one for one in ("city", *self._registry().places) if within(one, person.place)],
            name=lambda one: self._called(request, one),
            turns=[turn for turn in turns if turn.place == where],
            leaders=leaders,
            said=said,
            wanted=wanted or {"a": "", "b": "", "from": self._calendar.shown(now).replace(" ", "T"), "to": ""},
            may=person.role in LEADERS - {"township"},
        )

    def _row(self, request: Request, turn: Turn) -> list[Cell]:
        now, word = self._now(), self._screens.word
        return [
            Cell(self._called(request, turn.place)),
            Cell(self._calendar.shown(turn.valid_from)),
            Cell(word(request, "rota.standing") if turn.valid_to is None else self._calendar.shown(turn.valid_to)),
            Cell(turn.a),
            Cell(turn.b or ""),
            Cell(word(request, "rota.holds") if turn.holds(now) else "", tone="good" if turn.holds(now) else ""),
        ]

    def _called(self, request: Request, place: str) -> str:
        return self._screens.called(request, self._registry(), place)

    def _moment(self, text: str) -> int:
        """The moment (ms) that a browser's field for it gives, by the clocks of the city."""
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is not None or not FIRST <= moment.date() <= LAST:
            raise SettingsError(f"{text!r}: a moment is written such as 2026-12-01T08:30")
        return milliseconds(moment.replace(tzinfo=ZoneInfo(self._calendar.zone)))


async def _holder(connection: AsyncConnection, name: str | None, asker: Person) -> Person | None:
    """Who comes in by `name`, as far as that is the asker's to know."""
    account = None if name is None else await accounts.named(connection, name)
    if account is None or account.ended_at is not None or not within(account.place, asker.place):
        return None
    return account.holder
