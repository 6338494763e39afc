"""Raw and filtered counts side by side over HTTP."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.calendar import MINUTE_MS, Calendar
from cloud.filtered import store
from cloud.filtered.rules import SideBySide, pairs
from cloud.openapi import answer, described, problems
from cloud.registry.snapshot import Registry, names_of
from cloud.series.embedded import Embedded
from cloud.series.routes import PLACE, Estimated, counts_of, estimates_of, refused
from cloud.series.rules import USUAL, Scale, starts
from proof.scores import Counts, plus

# Hours and days of every zone begin at a full quarter of an hour of UTC.
_QUARTER = 15


def router(
    reader: AsyncEngine,
    estimated: Estimated,
    *,
    version: str,
    registry: Callable[[], Registry],
    calendar: Calendar,
    clock: Callable[[], int],
) -> APIRouter:
    """Return the route on the database behind `reader`; `estimated` and `clock` as in `cloud.series.routes`.

    Both sides come from the tallies, whatever store serves the trends: they are of one moment then.
    """
    routes = APIRouter(tags=["misuse"])
    tallies = Embedded(reader, calendar)

    @routes.get(
        "/api/filtered/{by}",
        responses={
            **described(SideBySide, "The place's ratings as they count, and without the flagged ones"),
            **problems(_400="More spans than are given at once", _404="No such place"),
        },
        response_class=Response,
    )
    async def filtered(
        by: Annotated[Scale, Path(description="The width of a span")],
        place: Annotated[
            str,
            Query(pattern=PLACE, description="`city`, a county (6 digits), a township (9 digits), or a window's name"),
        ] = "city",
        count: Annotated[int | None, Query(ge=1, description="How many spans; 60 minutes, 24 hours, 30 days")] = None,
        until: Annotated[
            int | None, Query(ge=0, le=100_000_000_000_000, description="A moment (ms) in the last span; now")
        ] = None,
    ) -> Response:
        """Return counts and scores by time, raw and filtered side by side. Only the raw ones count anywhere."""
        wanted = count or USUAL[by]
        if (refusal := refused(by, place, wanted, registry())) is not None:
            return refusal
        now = clock()
        last = now if until is None else until
        firsts = starts(by, last, wanted, calendar)
        # First what is flagged: whatever is flagged then is among the ratings that are read next.
        flagged = await _flagged(reader, by, place, firsts, calendar)
        raw = await counts_of(tallies, by, place, firsts, calendar)
        guesses = await estimates_of(estimated, by, place, firsts, calendar)
        spans = list(pairs(firsts, raw, flagged, guesses, now=now, veiled="/" in place))
        return answer(SideBySide(place, by, calendar.zone, last, version, spans))

    return routes


async def _flagged(
    reader: AsyncEngine, by: Scale, place: str, firsts: list[int], calendar: Calendar
) -> dict[int, Counts]:
    """Flagged counts by the start (ms) of each span."""
    width = 1 if by == "minute" else _QUARTER
    ends = {"minute": firsts[-1] + MINUTE_MS, "hour": firsts[-1] + 60 * MINUTE_MS}
    end = ends[by] if by in ends else calendar.end(calendar.day(firsts[-1]))
    first, last = firsts[0] // MINUTE_MS, end // MINUTE_MS - 1
    async with reader.begin() as connection:
        found = await store.between(connection, names_of(place), first, last, width=width)
    counts: dict[int, Counts] = {}
    for minute, n in found.items():
        at = minute * MINUTE_MS
        start = at if by == "minute" else calendar.hour(at) if by == "hour" else calendar.start(calendar.day(at))
        counts[start] = plus(counts.get(start, (0, 0, 0)), n)
    return counts
