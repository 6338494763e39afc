"""Raw and filtered counts side by side over HTTP."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.calendar import MINUTE_MS, Calendar
from cloud.filtered import store
from cloud.filtered.rules import SideBySide, pairs
from cloud.openapi import answer, described, problems
from cloud.registry.snapshot import Registry, names_of
from cloud.series.asked import Asked, asked
from cloud.series.embedded import Embedded
from cloud.series.routes import Estimated, counts_of, estimates_of
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
    async def filtered(wanted: Annotated[Asked, Depends(asked)]) -> Response:
        """Return counts and scores by time, raw and filtered side by side. Only the raw ones count anywhere."""
        if (refusal := wanted.refused(registry())) is not None:
            return refusal
        now = clock()
        firsts = wanted.firsts(now, calendar)
        # First what is flagged: whatever is flagged then is among the ratings that are read next.
        flagged = await _flagged(reader, wanted, firsts, calendar)
        raw = await counts_of(tallies, wanted, firsts, calendar)
        guesses = await estimates_of(estimated, wanted, firsts, calendar)
        spans = list(pairs(firsts, raw, flagged, guesses, now=now, veil=wanted.veil))
        return answer(SideBySide(wanted.place, wanted.by, calendar.zone, wanted.last(now), version, spans))

    return routes


async def _flagged(reader: AsyncEngine, wanted: Asked, firsts: list[int], calendar: Calendar) -> dict[int, Counts]:
    """Flagged counts by the start (ms) of each span."""
    by = wanted.by
    width = 1 if by == "minute" else _QUARTER
    ends = {"minute": firsts[-1] + MINUTE_MS, "hour": firsts[-1] + 60 * MINUTE_MS}
    end = ends[by] if by in ends else calendar.end(calendar.day(firsts[-1]))
    first, last = firsts[0] // MINUTE_MS, end // MINUTE_MS - 1
    async with reader.begin() as connection:
        found = await store.between(connection, names_of(wanted.place), first, last, width=width)
    counts: dict[int, Counts] = {}
    for minute, n in found.items():
        at = minute * MINUTE_MS
        start = at if by == "minute" else calendar.hour(at) if by == "hour" else calendar.start(calendar.day(at))
        counts[start] = plus(counts.get(start, (0, 0, 0)), n)
    return counts
