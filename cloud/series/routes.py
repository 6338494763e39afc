"""Trends over HTTP."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from cloud.calendar import MINUTE_MS, Calendar
from cloud.openapi import answer, described, problem, problems
from cloud.registry.snapshot import Registry
from cloud.series.port import Series
from cloud.series.rules import MOST, USUAL, Scale, Trend, buckets, by_hour, starts

PLACE = r"^(city|\d{6}|\d{9}|\d{9}-[a-z0-9]{1,16}/[a-z0-9]{1,8})$"


def router(
    series: Series, *, registry: Callable[[], Registry], calendar: Calendar, clock: Callable[[], int]
) -> APIRouter:
    """Return the routes on `series`; `clock` gives the city's time in ms."""
    trends = APIRouter(tags=["trends"])

    @trends.get(
        "/api/trends/{by}",
        responses={
            **described(Trend, "The place's ratings, oldest first, without gaps"),
            **problems(_400="More buckets than are given at once", _404="No such place"),
        },
        response_class=Response,
    )
    async def trend(
        by: Annotated[Scale, Path(description="The width of a bucket")],
        place: Annotated[
            str,
            Query(pattern=PLACE, description="`city`, a county (6 digits), a township (9 digits), or a window's name"),
        ] = "city",
        count: Annotated[int | None, Query(ge=1, description="How many buckets; 60 minutes, 24 hours, 30 days")] = None,
        until: Annotated[
            int | None, Query(ge=0, le=100_000_000_000_000, description="A moment (ms) in the last bucket; now")
        ] = None,
    ) -> Response:
        """Return counts and scores by time. A window's fresh buckets with few ratings hide their levels."""
        wanted = count or USUAL[by]
        if wanted > MOST[by]:
            return problem(400, f"count: at most {MOST[by]} by {by}, got {wanted}")
        if not _known(place, registry()):
            return problem(404, f"place: {place} is not registered")
        now = clock()
        last = now if until is None else until
        firsts = starts(by, last, wanted, calendar)
        if by == "day":
            days = await series.days(place, calendar.day(firsts[0]), calendar.day(firsts[-1]))
            counts = {calendar.start(day): n for day, n in days.items()}
        else:
            span = 60 if by == "hour" else 1
            minutes = await series.minutes(place, firsts[0] // MINUTE_MS, firsts[-1] // MINUTE_MS + span - 1)
            counts = by_hour(minutes, calendar) if by == "hour" else {m * MINUTE_MS: n for m, n in minutes.items()}
        return answer(Trend(place, by, calendar.zone, last, buckets(firsts, counts, now=now, veiled="/" in place)))

    return trends


def _known(place: str, registry: Registry) -> bool:
    if place == "city":
        return True
    return place in registry.windows if "/" in place else place in registry.places
