"""The pages on published reports: which editions there are, and of one the lines of a place with how each follows."""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.appeals.appeal import KINDS, AppealRefused
from cloud.appeals.appeal import Kind as Ground
from cloud.appeals.rules import open_until
from cloud.calendar import Calendar
from cloud.console.screens import Screens, language_of
from cloud.door.asker import asker_of
from cloud.door.rules import TABLE
from cloud.hours.rules import CITY
from cloud.openapi import problem
from cloud.registry.routes import OWN_PLACE
from cloud.registry.snapshot import Registry
from cloud.reports.editions import Editions, head_of, open_ones
from cloud.reports.lines import ORDERS, Order, figures, line_of
from cloud.reports.routes import Number, PeriodName
from cloud.reports.rows import TONES, Rows, View, all_asked, turned_out
from proof.edition import Edition, Judged
from proof.units import STAFFED, Kind
from proof.why import why

KINDS_SHOWN = tuple(kind for kind in Kind if kind not in STAFFED)


class Pages:
    """`editions` reads them, `registry` names places, `now` is the city's time in ms."""

    def __init__(
        self,
        reader: AsyncEngine,
        editions: Editions,
        screens: Screens,
        *,
        registry: Callable[[], Registry],
        calendar: Calendar,
        now: Callable[[], int],
    ) -> None:
        self._reader = reader
        self._editions = editions
        self._screens = screens
        self._registry = registry
        self._rows = Rows(screens, registry=registry, calendar=calendar)
        self._now = now

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/reports", self.reports)
        pages.add_api_route("/reports/{period}/{number}", self.report)
        return pages

    async def reports(self, request: Request) -> Response:
        """List the editions, those of the latest period first."""
        async with self._reader.connect() as connection:
            heads = await self._editions.heads(connection)
        listing = self._rows.editions(request, heads, open_ones(heads, self._now()))
        may = asker_of(request).person.role in TABLE["GET", "/reports/appeals"].roles
        return self._screens.listed(request, "reports.html", listing, may_appeals=may)

    async def report(
        self,
        request: Request,
        period: PeriodName,
        number: Number,
        place: Annotated[str, Query(pattern=OWN_PLACE)] = "",
        kind: Annotated[Kind | Literal[""], Query()] = "",
        sort: Annotated[Order, Query()] = "code",
        after: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> Response:
        """Show the lines of a place, by default the asker's own, in one edition."""
        return await self.shown(request, View(period, number, place, kind or None, sort, after))

    async def shown(
        self,
        request: Request,
        view: View,
        *,
        status: int = 200,
        refused: AppealRefused | None = None,
        text: str = "",
        ground: Ground | None = None,
    ) -> Response:
        """Show an edition, and above it why an appeal on that `ground` with the reason `text` was `refused`."""
        async with self._reader.connect() as connection:
            heads = await self._editions.heads(connection)
            same = [one for one in heads if one.period == view.period]
            told = {one.number: await self._editions.whole(connection, one.name) for one in same}
        if view.number not in told:
            return problem(404, f"there is no edition {view.number} of {view.period}")
        edition, head = told[view.number], head_of(told[view.number])
        person = asker_of(request).person
        place = view.place or person.place
        unit = line_of(edition.lines, place)
        found = None if unit is None else figures(unit, edition.policy)
        until = open_until(head.stage, head.until, head.number, same[0].number, self._now())
        path = f"/reports/{view.period}/{view.number}"
        listing = self._rows.lines(request, edition, view._replace(place=place), path)
        return self._screens.listed(
            request,
            "report.html",
            listing,
            status=status,
            here=path,
            head=head,
            tone=TONES[head.stage],
            until=until,
            unit=found,
            turned_out="" if found is None else turned_out(found),
            all_asked="" if found is None else all_asked(found),
            unit_name=self._screens.called(request, self._registry(), place),
            policy=edition.policy,
            why=None if unit is None else _why(unit, edition, request),
            history=self._rows.history(request, same, told, place),
            place=place,
            places=self._places(person.place),
            view=view,
            kinds=KINDS_SHOWN,
            orders=ORDERS,
            may_text=person.role in TABLE["GET", "/api/reports/{period}/{number}"].roles,
            may_appeal=person.role in TABLE["POST", "/reports/{period}/{number}/appeals"].roles,
            may_appeals=person.role in TABLE["GET", "/reports/appeals"].roles,
            grounds=KINDS,
            refused="" if refused is None else f"appeals.refused_{refused.why}",
            text=text,
            ground=ground,
        )

    def _places(self, own: str) -> list[tuple[str, str, str]]:
        """The counties and townships among which somebody of the place `own` chooses: code and both names."""
        found = []
        for county in self._registry().counties:
            if own in {CITY, county.place.code}:
                found += [(one.code, one.zh, one.en) for one in (county.place, *county.townships)]
        return found


def _why(line: Judged, edition: Edition, request: Request) -> str:
    found = figures(line, edition.policy).found
    return why(line.counts, found, edition.policy, language_of(request))
