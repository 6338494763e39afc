"""Trends and the ranking over HTTP."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from cloud.calendar import HOUR_MS, MINUTE_MS, Calendar
from cloud.day import NamedDay
from cloud.openapi import answer, described, problem, problems
from cloud.registry.snapshot import Registry
from cloud.series.asked import Asked, asked
from cloud.series.port import Series
from cloud.series.rules import MOST_RANKED_DAYS, USUAL, Ranking, Trend, buckets, by_start, ranked
from contract.errors import Unavailable
from proof.scores import Counts

logger = logging.getLogger(__name__)

# Of a place, from one minute's number to another's, both included: how many ratings stand in each by an estimate.
Estimated = Callable[[str, int, int], Awaitable[Mapping[int, int]]]
AWAY = "the store of ratings over time does not answer now; the board does"


def router(
    series: Series,
    estimated: Estimated,
    *,
    registry: Callable[[], Registry],
    calendar: Calendar,
    clock: Callable[[], int],
) -> APIRouter:
    """Return the routes on `series`; `estimated` tells what of it are estimates, `clock` the city's time in ms."""
    trends = APIRouter(tags=["trends"])

    @trends.get(
        "/api/trends/{by}",
        responses={
            **described(Trend, "The place's ratings, oldest first, without gaps"),
            **problems(_400="More buckets than are given at once", _404="No such place", _503=AWAY),
        },
        response_class=Response,
    )
    async def trend(wanted: Annotated[Asked, Depends(asked)]) -> Response:
        """Return counts and scores by time. What could give a citizen away hides its levels."""
        if (refusal := wanted.refused(registry())) is not None:
            return refusal
        now = clock()
        firsts = wanted.firsts(now, calendar)
        try:
            counts = await counts_of(series, wanted, firsts, calendar)
            guesses = await estimates_of(estimated, wanted, firsts, calendar)
        except Unavailable as away:
            return _away(away)
        found = buckets(firsts, counts, guesses, now=now, veil=wanted.veil)
        return answer(Trend(wanted.place, wanted.by, calendar.zone, wanted.last(now), found))

    @trends.get(
        "/api/ranking",
        responses={
            **described(Ranking, "Every township, the surely best first"),
            **problems(_400="Days that cannot be ranked together", _503=AWAY),
        },
        response_class=Response,
    )
    async def ranking(
        first: Annotated[NamedDay | None, Query(description="The first day; 30 days up to `last`")] = None,
        last: Annotated[NamedDay | None, Query(description="The last day, included; today")] = None,
    ) -> Response:
        """Return the townships over some days with counts, scores and 95 % intervals, the surely best first."""
        until = calendar.day(clock()) if last is None else last.isoformat()
        since = calendar.last_days(until, USUAL["day"])[0] if first is None else first.isoformat()
        days = (date.fromisoformat(until) - date.fromisoformat(since)).days + 1
        if not 1 <= days <= MOST_RANKED_DAYS:
            return problem(400, f"first to last: 1 to {MOST_RANKED_DAYS} days, got {days}")
        try:
            counts = await series.ranking(since, until)
        except Unavailable as away:
            return _away(away)
        return answer(Ranking(since, until, calendar.zone, ranked(counts, registry().townships)))

    return trends


async def counts_of(series: Series, wanted: Asked, firsts: list[int], calendar: Calendar) -> dict[int, Counts]:
    """Return counts by the start (ms) of each of the buckets that begin at `firsts`."""
    if wanted.by == "day":
        days = await series.days(wanted.place, calendar.day(firsts[0]), calendar.day(firsts[-1]))
        return {calendar.start(day): n for day, n in days.items()}
    first, last = firsts[0] // MINUTE_MS, firsts[-1] // MINUTE_MS
    found = await (series.hours if wanted.by == "hour" else series.minutes)(wanted.place, first, last)
    return {minute * MINUTE_MS: n for minute, n in found.items()}


async def estimates_of(estimated: Estimated, wanted: Asked, firsts: list[int], calendar: Calendar) -> dict[int, int]:
    """Return how many stand by an estimate in each of the buckets that begin at `firsts`, by its start (ms)."""
    end = calendar.end(calendar.day(firsts[-1])) if wanted.by == "day" else firsts[-1] + HOUR_MS
    return by_start(wanted.by, await estimated(wanted.place, firsts[0] // MINUTE_MS, end // MINUTE_MS), calendar)


def _away(away: Unavailable) -> Response:
    logger.warning("a trend could not be drawn: %s", away)
    return problem(503, AWAY)
