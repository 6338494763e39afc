"""The pages on windows: those of a place, and one with its cases."""

from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.calendar import Calendar
from cloud.cases import reading
from cloud.cases.reading import Asked
from cloud.cases.veil import viewer_of
from cloud.console.listing import Cell, Column, Listing
from cloud.console.screens import Screens, language_of, queried
from cloud.door.asker import asker_of
from cloud.health.rules import Device
from cloud.openapi import problem
from cloud.people.rules import Person, within
from cloud.registry.routes import OWN_PLACE
from cloud.registry.snapshot import Registry
from cloud.staffing.rules import Named
from cloud.visits import store as visits
from cloud.windows import store
from cloud.windows.rules import Press, said
from contract.identity import node_of, window_id
from proof.scores import Counts, interval, percent, percent_interval
from proof.visits import Visits

PAGE = 100
CASES = 20
_NONE: Counts = (0, 0, 0)
_COLUMNS = (
    Column("windows.window"),
    Column("windows.office"),
    Column("windows.registered"),
    Column("windows.device"),
    Column("windows.last"),
    Column("windows.yesterday", number=True),
    Column("windows.yesterday_score", number=True),
    Column("windows.month", number=True),
    Column("windows.month_score", number=True),
    Column("windows.between", number=True),
    Column("windows.cases", number=True),
)
# Beside the score, where somebody was asked this month.
_ASKED = (Column("windows.participation", number=True), Column("windows.all_asked", number=True))
_CASES = (Column("cases.number", number=True), Column("cases.state"), Column("cases.ratings", number=True))


class Seen(NamedTuple):
    """A window as somebody sees it; `yesterday` and `month` (up to yesterday) are ratings by level.

    `visits`: of the same month, those at which somebody was to be asked.
    """

    window: str
    office: Named | None
    press: Press | None
    yesterday: Counts
    month: Counts
    cases: int
    visits: Visits


class Pages:
    """`devices` and `registry` are asked at each request; below `least` ratings no score is given."""

    def __init__(
        self,
        reader: AsyncEngine,
        screens: Screens,
        *,
        devices: Callable[[], list[Device]],
        registry: Callable[[], Registry],
        calendar: Calendar,
        now: Callable[[], int],
        least: int,
    ) -> None:
        self._reader = reader
        self._screens = screens
        self._devices = devices
        self._registry = registry
        self._calendar = calendar
        self._now = now
        self._least = least

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/windows", self.windows)
        pages.add_api_route("/windows/{node}/{window}", self.window)
        return pages

    async def windows(
        self,
        request: Request,
        place: Annotated[str, Query(pattern=OWN_PLACE)] = "",
        after: Annotated[str, Query(max_length=40)] = "",
    ) -> Response:
        """List the windows of a place, by default the asker's own."""
        person = asker_of(request).person
        where = place or person.place
        names = sorted(one for one in self._registry().windows if one > after and within(one, where))
        async with self._reader.begin() as connection:
            found = await self._look(connection, names[:PAGE], person)
        devices = {device.node: device for device in self._devices()}
        asked = any(one.visits.asked for one in found)
        rows = [self._row(request, one, devices.get(node_of(one.window)), asked=asked) for one in found]
        more = None
        if len(names) > PAGE:
            more = queried(request, after=names[PAGE - 1])
        listing = Listing("windows", _columns(asked=asked), rows, more)
        return self._screens.listed(request, "windows.html", listing, place=where, least=self._least)

    async def window(self, request: Request, node: str, window: str) -> Response:
        """Show one window."""
        name, person, registry = window_id(node, window), asker_of(request).person, self._registry()
        if not registry.knows_window(name):
            return problem(404, f"there is no window {name}")
        viewer = viewer_of(person, self._now())
        async with self._reader.begin() as connection:
            (seen,) = await self._look(connection, [name], person)
            cases = await reading.page(connection, Asked((name, name), "any"), viewer, CASES, self._calendar)
        rows = [
            [
                Cell(str(one.case.number), f"/cases/{one.case.number}"),
                Cell(self._screens.word(request, f"state.{one.case.state}")),
                Cell(str(one.ratings)),
            ]
            for one in cases
        ]
        device = next((one for one in self._devices() if one.node == node), None)
        asked = seen.visits.asked > 0
        facts = zip(_columns(asked=asked)[1:], self._row(request, seen, device, asked=asked)[1:], strict=True)
        return self._screens.page(
            request,
            "window.html",
            window=name,
            called=registry.called(name, language_of(request)),
            facts=list(facts),
            listing=Listing("window-cases", _CASES, rows),
            least=self._least,
            visited=asked,
        )

    async def _look(self, connection: AsyncConnection, names: Sequence[str], person: Person) -> list[Seen]:
        """These windows, which follow each other by name, as `person` sees them."""
        if not names:
            return []
        now, calendar, span = self._now(), self._calendar, (names[0], names[-1])
        today = calendar.day(now)
        yesterday = calendar.later(today, -1)
        days = calendar.between(f"{today[:8]}01", yesterday) if today[8:] != "01" else []
        presses = await store.presses(connection, span, now, calendar)
        last = await store.counts(connection, span, [yesterday])
        # On the first of a month it has no day yet.
        month = await store.counts(connection, span, days)
        offices = await store.offices(connection, span, now)
        cases = await store.open_cases(connection, span, viewer_of(person, now))
        asked = await visits.between(connection, span, days[0], days[-1]) if days else {}
        return [
            Seen(
                one,
                offices.get(one),
                presses.get(one),
                last.get(one, _NONE),
                month.get(one, _NONE),
                cases.get(one, 0),
                asked.get(one, Visits()),
            )
            for one in names
        ]

    def _row(self, request: Request, one: Seen, device: Device | None, *, asked: bool) -> list[Cell]:
        word, viewer, now = self._screens.word, viewer_of(asker_of(request).person, self._now()), self._now()
        registered, node = self._registry().has_window(one.window, now), node_of(one.window)
        office = "" if one.office is None else one.office.zh if language_of(request) == "zh" else one.office.en
        state = "" if device is None else word(request, f"device.{device.state}")
        good = device is not None and device.state == "online"
        return [
            Cell(one.window, f"/windows/{one.window}"),
            Cell(office),
            Cell(word(request, "windows.yes" if registered else "windows.no"), tone="" if registered else "quiet"),
            Cell(state or node, f"/devices/{node}", "" if not state else "good" if good else "bad"),
            Cell(said(one.press, viewer, self._calendar)),
            *self._scored(request, one.yesterday),
            *self._scored(request, one.month),
            self._between(one.month),
            *(self._participation(one.visits) if asked else ()),
            Cell(
                f"{one.cases:,}" if one.cases else "",
                f"/cases?place={one.window}" if one.cases else None,
            ),
        ]

    def _scored(self, request: Request, n: Counts) -> tuple[Cell, Cell]:
        """How many ratings, and the score where they are enough for one."""
        count = sum(n)
        if count < self._least:
            return Cell(f"{count:,}"), Cell(self._screens.word(request, "windows.few") if count else "", tone="quiet")
        return Cell(f"{count:,}"), Cell(f"{percent(n)}%")

    def _participation(self, visits: Visits) -> tuple[Cell, Cell]:
        """How many of those who were asked rated, and what that leaves possible for all of them."""
        said = visits.participation
        if said is None:
            return Cell(""), Cell("")
        rate = Cell(f"{float(said.rate):.0%} / {visits.asked:,}")
        if sum(visits.rated) < self._least:
            return rate, Cell("")
        return rate, Cell(f"{float(100 * said.low):.1f}–{float(100 * said.high):.1f}%")

    def _between(self, n: Counts) -> Cell:
        if sum(n) < self._least:
            return Cell("")
        low, high = percent_interval(interval(n))
        return Cell(f"{low}–{high}%")


def _columns(*, asked: bool) -> tuple[Column, ...]:
    return (*_COLUMNS[:-1], *_ASKED, _COLUMNS[-1]) if asked else _COLUMNS
