"""Flags over HTTP: what, where, when and why. No grade is in any answer, as none was seen."""

from collections.abc import Callable
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.calendar import Calendar
from cloud.day import NamedDay
from cloud.misuse import store
from cloud.misuse.rules import Rule
from cloud.openapi import answer, described, problem, problems
from cloud.registry.routes import PlaceName, unregistered
from cloud.registry.snapshot import Registry, names_of
from contract.identity import node_of, township_of

MOST = 500
USUAL_DAYS = 7
# Behind every flag there can be, and a shape that no other text has.
_FIRST = (1 << 53, "~", "~")
_AFTER = r"^\d{1,16}~[0-9a-z/-]{1,40}~[a-z]{1,16}$"


class Flagged(msgspec.Struct, frozen=True):
    """`rule` of the policy's `version` applies to `window` (null: to all of `node`) from `begin` to `end` (ms).

    `ratings`: to how many; `numbers`: which, as [epoch, first, last]; none for a silence. `figures`: why, by the rule's
    own figures (docs/misuse.md).
    """

    rule: Rule
    version: str
    township: str
    node: str
    window: str | None
    day: str
    begin: int
    end: int
    ratings: int
    numbers: list[tuple[str, int, int]]
    figures: dict[str, int | float | str]


class Count(msgspec.Struct, frozen=True):
    """How many flags of a rule there are, and to how many ratings they apply."""

    rule: Rule
    flags: int
    ratings: int


class Flags(msgspec.Struct, frozen=True):
    """One page of the flags that began on the days `first` to `last`, newest first; `after` asks for the next one.

    `counts`: all of them, by rule. A flag changes no rating, no count and no score.
    """

    place: str
    first: str
    last: str
    zone: str
    counts: list[Count]
    flags: list[Flagged]
    after: str | None


ANSWERS = (Flags,)


def router(
    reader: AsyncEngine, *, registry: Callable[[], Registry], calendar: Calendar, clock: Callable[[], int]
) -> APIRouter:
    """Return the route on the database behind `reader`; `clock` gives the city's time in ms."""
    routes = APIRouter(tags=["misuse"])

    @routes.get(
        "/api/flags",
        responses={
            **described(Flags, "What may be misuse, newest first"),
            **problems(_400="Days that end before they begin", _404="No such place"),
        },
        response_class=Response,
    )
    async def flags(
        place: PlaceName = "city",
        first: Annotated[NamedDay | None, Query(description="The first day; a week up to `last`")] = None,
        last: Annotated[NamedDay | None, Query(description="The last day, included; today")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST, description="How many at most")] = 50,
        after: Annotated[str, Query(pattern=rf"^$|{_AFTER}", description="From the page before")] = "",
    ) -> Response:
        """Return what the rules flag, and how much of it there is."""
        if (refusal := unregistered(place, registry())) is not None:
            return refusal
        until = calendar.day(clock()) if last is None else last.isoformat()
        since = calendar.later(until, 1 - USUAL_DAYS) if first is None else first.isoformat()
        if since > until:
            return problem(400, f"first to last: {since} is after {until}")
        span = calendar.start(since), calendar.end(until)
        began, _, rest = after.partition("~")
        window, _, rule = rest.partition("~")
        before = (int(began), window, rule) if after else _FIRST
        async with reader.begin() as connection:
            found = await store.page(connection, names_of(place), span, before, limit)
            counts = await store.counts(connection, names_of(place), span)
        page = [_flagged(row) for row in found]
        more = f"{found[-1][4]}~{found[-1][2]}~{found[-1][0]}" if len(found) == limit else None
        return answer(Flags(place, since, until, calendar.zone, [_count(*row) for row in counts], page, more))

    return routes


def _flagged(row: tuple[object, ...]) -> Flagged:
    rule, version, window, day, begin, end, size, numbers, figures = row
    name = str(window)
    return msgspec.convert(
        {
            "rule": rule,
            "version": version,
            "township": township_of(name),
            "node": node_of(name),
            "window": name if "/" in name else None,
            "day": day,
            "begin": begin,
            "end": end,
            "ratings": size,
            "numbers": msgspec.json.decode(str(numbers)),
            "figures": msgspec.json.decode(str(figures)),
        },
        Flagged,
    )


def _count(rule: str, flags: int, ratings: int) -> Count:
    return msgspec.convert({"rule": rule, "flags": flags, "ratings": ratings}, Count)
