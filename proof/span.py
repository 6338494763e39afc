"""From when to when the registry had something, as days of a period. Pure."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from proof.period import Period


class Span(NamedTuple):
    """`first` and `last` day, both included; None where it was there before the period began, or after it ended."""

    first: date | None
    last: date | None


class Bounds(NamedTuple):
    """A period from `begin` to before `behind`, ms since 1970 UTC, in a `zone`."""

    begin: int
    behind: int
    zone: ZoneInfo

    def day(self, at: int) -> date:
        """The day of `at` (ms since 1970 UTC)."""
        return datetime.fromtimestamp(at // 1000, self.zone).date()


def midnight(day: date, zone: ZoneInfo) -> int:
    """When `day` begins in `zone`, ms since 1970 UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000


def bounds_of(period: Period, zone: ZoneInfo) -> Bounds:
    """When `period` begins, and when what follows it does."""
    return Bounds(midnight(period.first, zone), midnight(period.last + timedelta(days=1), zone), zone)


def spans(rows: Iterable[tuple[int, int | None]], bounds: Bounds) -> tuple[Span, ...]:
    """Return when in a period there was what the registry's `rows` say; () where that was from its begin to its end.

    `rows`: valid from, and until before (ms since 1970 UTC; None: until further notice), in the order of their begin.
    A row that begins where the one before ended is a new name or a new key, and no new span.
    """
    pieces: list[tuple[int, int]] = []
    for since, until in rows:
        begin = max(since, bounds.begin)
        end = bounds.behind if until is None else min(until, bounds.behind)
        if begin >= end:
            continue
        if pieces and begin <= pieces[-1][1]:
            pieces[-1] = (pieces[-1][0], max(pieces[-1][1], end))
        else:
            pieces.append((begin, end))
    if pieces == [(bounds.begin, bounds.behind)]:
        return ()
    return tuple(
        Span(
            None if begin == bounds.begin else bounds.day(begin),
            None if end == bounds.behind else bounds.day(end - 1),
        )
        for begin, end in pieces
    )
