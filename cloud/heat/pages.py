"""The page with a week of hours: made of whole days up to yesterday, so that nobody sees a rating come."""

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.calendar import Calendar
from cloud.console.listing import Cell, Column, Listing
from cloud.console.screens import Screens
from cloud.door.asker import asker_of
from cloud.heat import store
from cloud.heat.rules import WEEKS, Spot, hours_shown, spot, week
from cloud.people.rules import within
from cloud.registry.routes import OWN_PLACE
from cloud.registry.snapshot import Registry

_DAYS = range(7)
_COLUMNS = (
    Column("heat.weekday"),
    Column("heat.hour", number=True),
    Column("heat.ratings", number=True),
    Column("heat.score", number=True),
)


class Pages:
    """`registry` is asked at each request, `now` is the city's time in ms; below `least` ratings no score is given."""

    def __init__(
        self,
        reader: AsyncEngine,
        screens: Screens,
        *,
        registry: Callable[[], Registry],
        calendar: Calendar,
        now: Callable[[], int],
        least: int,
    ) -> None:
        self._reader = reader
        self._screens = screens
        self._registry = registry
        self._calendar = calendar
        self._now = now
        self._least = least

    def router(self) -> APIRouter:
        """Return the route."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/heat", self.heat)
        return pages

    async def heat(
        self,
        request: Request,
        place: Annotated[str, Query(pattern=OWN_PLACE)] = "",
        weeks: Annotated[Literal["4", "13", "52"], Query()] = "13",
    ) -> Response:
        """Show the last weeks of a place, by default the asker's own."""
        where = place or asker_of(request).person.place
        last = self._calendar.later(self._calendar.day(self._now()), -1)
        first = self._calendar.later(last, 1 - 7 * int(weeks))
        counts = week(await store.hours(self._reader, where, first, last, self._calendar), self._calendar)
        spots = {key: spot(n, self._least) for key, n in counts.items()}
        hours = hours_shown(spots)
        return self._screens.listed(
            request,
            "heat.html",
            Listing("heat", _COLUMNS, self._rows(request, spots, hours)),
            place=where,
            called=self._called(request, where),
            places=self._places(request, where),
            weeks=int(weeks),
            choices=WEEKS,
            span={"first": first, "last": last, "least": self._least},
            spots=spots,
            hours=hours,
            days=[self._screens.word(request, f"heat.day{day}") for day in _DAYS],
        )

    def _rows(self, request: Request, spots: Mapping[tuple[int, int], Spot], hours: list[int]) -> list[list[Cell]]:
        return [
            [
                Cell(self._screens.word(request, f"heat.day{day}")),
                Cell(str(hour)),
                Cell(str(one.ratings)),
                Cell("" if one.score is None else str(one.score)),
            ]
            for day in _DAYS
            for hour in hours
            if (one := spots.get((day, hour))) is not None
        ]

    def _called(self, request: Request, place: str) -> str:
        return self._screens.called(request, self._registry(), place)

    def _places(self, request: Request, shown: str) -> list[tuple[str, str]]:
        """What the asker may choose: their own place, the counties and townships in it, and what is shown now."""
        own, registry = asker_of(request).person.place, self._registry()
        codes = [own, *(code for code in registry.places if within(code, own) and code != own)]
        return [(code, self._called(request, code)) for code in (*codes, *([] if shown in codes else [shown]))]
