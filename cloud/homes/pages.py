"""The page on visits: what assistants did where, and how many of each one's visits were rated.

No grade stands beside a visit, for nobody: whose a rating was would follow from it. Below the city it does not even
show which visit was rated, and at which minute it was; of few visits it does not show how many were.
"""

from collections.abc import Callable
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.calendar import Calendar
from cloud.cases.veil import viewer_of
from cloud.console.listing import Cell, Column, Listing
from cloud.console.screens import Screens, language_of, queried
from cloud.door.asker import asker_of
from cloud.homes import store
from cloud.homes.store import FIRST, Cursor, Listed, Share
from cloud.registry.routes import OWN_PLACE
from cloud.registry.snapshot import Registry, names_of

MOST = 200
# Of fewer visits, how many were rated would tell which.
LEAST = 5
MONTH = r"^$|^20[0-9]{2}-(0[1-9]|1[0-2])$"
AFTER = r"^$|^[0-9]{1,16}~[A-Za-z0-9_-]{10}~[0-9]{1,16}$"
# The last two are the city's alone.
COLUMNS = ("said", "window", "holder", "kind", "place", "item", "note", "came", "rated_one")
_SHARES = (
    Column("homes.holder"), Column("homes.window"), Column("homes.count", number=True),
    Column("homes.rated", number=True), Column("homes.share", number=True),
)  # fmt: skip


class Pages:
    """The page; `registry` is asked at each request, `now` is the city's time in ms."""

    def __init__(
        self,
        reader: AsyncEngine,
        screens: Screens,
        *,
        registry: Callable[[], Registry],
        calendar: Calendar,
        now: Callable[[], int],
    ) -> None:
        self._reader = reader
        self._screens = screens
        self._registry = registry
        self._calendar = calendar
        self._now = now

    def router(self) -> APIRouter:
        """Return the route."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/homes", self.visits)
        return pages

    async def visits(
        self,
        request: Request,
        place: Annotated[str, Query(pattern=OWN_PLACE)] = "",
        month: Annotated[str, Query(pattern=MONTH)] = "",
        after: Annotated[str, Query(pattern=AFTER)] = "",
    ) -> Response:
        """Show what came in a month from a place, by default this month and the asker's own place."""
        person = asker_of(request).person
        where, month = place or person.place, month or self._calendar.day(self._now())[:7]
        span, at_once = self._span(month), viewer_of(person, self._now()).at_once
        async with self._reader.begin() as connection:
            found = await store.page(connection, names_of(where), span, _cursor(after), MOST)
            shares = await store.shares(connection, names_of(where), span)
        rows = [self._row(request, one, at_once=at_once) for one in found]
        columns = [Column(f"homes.{name}") for name in (COLUMNS if at_once else COLUMNS[:-2])]
        behind = "~".join(map(str, found[-1].cursor)) if len(found) == MOST else ""
        more = queried(request, after=behind) if behind else None
        return self._screens.listed(
            request,
            "homes.html",
            Listing("homes", columns, rows, more),
            place=where,
            called=self._screens.called(request, self._registry(), where),
            month=month,
            shares=Listing("shares", _SHARES, [self._share(request, one, at_once=at_once) for one in shares]),
            least=LEAST,
        )

    def _span(self, month: str) -> tuple[int, int]:
        """From when to before when (ms) it is that month."""
        first = date.fromisoformat(f"{month}-01")
        last = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        return self._calendar.start(first.isoformat()), self._calendar.start(last.isoformat())

    def _row(self, request: Request, one: Listed, *, at_once: bool) -> list[Cell]:
        word, called = self._screens.word, self._registry().called
        seen = [
            Cell(one.said.replace("T", " ") if at_once else one.said[:10]),
            Cell(called(one.window, language_of(request))),
            Cell(one.holder),
            Cell(word(request, f"homes.{one.kind}") if one.kind else word(request, "homes.forgotten"), tone="quiet"),
            *map(Cell, (one.place, one.item, one.note)),
        ]
        if at_once:
            rated = word(request, "homes.yes" if one.rated else "homes.no")
            seen += [Cell(self._calendar.shown(one.cursor.received_at)), Cell(rated)]
        return seen

    def _share(self, request: Request, one: Share, *, at_once: bool) -> list[Cell]:
        shown = at_once or one.visits >= LEAST
        return [
            Cell(one.holder),
            Cell(self._registry().called(one.window, language_of(request))),
            Cell(str(one.visits)),
            Cell(str(one.rated) if shown else "–"),
            Cell(f"{100 * one.rated // one.visits}%" if shown else "–"),
        ]


def _cursor(after: str) -> Cursor:
    if not after:
        return FIRST
    at, epoch, number = after.split("~")
    return Cursor(int(at), epoch, int(number))
