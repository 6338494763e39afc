"""Opening hours over HTTP."""

from collections.abc import Callable
from datetime import date
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from cloud.calendar import Calendar
from cloud.day import NamedDay
from cloud.hours.rules import Kind, Offices, Span
from cloud.openapi import answer, described, problem, problems
from cloud.registry.snapshot import Registry

MOST_DAYS = 400
USUAL_DAYS = 7


class Day(msgspec.Struct, frozen=True):
    """One day of an office, open in each `open` from the first moment until before the second (ms).

    `known`: the holidays of its year are known. `why`: of a closure or a holiday, "" on an ordinary day.
    """

    day: str
    kind: Kind
    known: bool
    open: list[Span]
    why: str


class OfficeHours(msgspec.Struct, frozen=True):
    """The days of a township's office, in the zone in which days begin."""

    township: str
    zone: str
    days: list[Day]


def router(
    offices: Callable[[], Offices], *, registry: Callable[[], Registry], calendar: Calendar, clock: Callable[[], int]
) -> APIRouter:
    """Return the route on `offices`, as they are at each request; `clock` gives the city's time in ms."""
    hours = APIRouter(tags=["registry"])

    @hours.get(
        "/api/hours",
        responses={
            **described(OfficeHours, "When the township's office is open"),
            **problems(_400="Days that are not given at once", _404="No such township"),
        },
        response_class=Response,
    )
    async def office_hours(
        township: Annotated[str, Query(pattern=r"^[0-9]{9}$", description="Its 9-digit code")],
        first: Annotated[NamedDay | None, Query(description="The first day; today")] = None,
        last: Annotated[NamedDay | None, Query(description="The last day, included; a week from the first")] = None,
    ) -> Response:
        """Return when a township's office is open, with its closures and holidays."""
        if township not in registry().townships:
            return problem(404, f"township: {township} is not registered")
        since = calendar.day(clock()) if first is None else first.isoformat()
        until = calendar.later(since, USUAL_DAYS - 1) if last is None else last.isoformat()
        count = (date.fromisoformat(until) - date.fromisoformat(since)).days + 1
        if not 1 <= count <= MOST_DAYS:
            return problem(400, f"first to last: 1 to {MOST_DAYS} days, got {max(0, count)}")
        known = offices()
        found = [(day, known.day(township, day)) for day in calendar.last_days(until, count)]
        return answer(
            OfficeHours(
                township, calendar.zone, [Day(day, one.kind, one.known, list(one.open), one.why) for day, one in found]
            )
        )

    return hours
