"""A time that a window was somebody's, taken apart by the tallies that there are: whole days, and minutes. Pure."""

from datetime import date, timedelta
from typing import NamedTuple

from proof.span import Bounds, midnight

MINUTE_MS = 60_000


class Parts(NamedTuple):
    """`days` are whole; `minutes` are the stretches beside them, each from a minute until before another.

    Minutes are counted from 1970 UTC, as tallies count them.
    """

    days: list[date]
    minutes: list[tuple[int, int]]


def parts(begin: int, end: int, bounds: Bounds) -> Parts:
    """Return the parts of the time from `begin` to before `end` (full minutes, ms since 1970 UTC).

    It lies within `bounds`, in whose zone days are.
    """
    first, behind = bounds.day(begin), bounds.day(end)
    if midnight(first, bounds.zone) < begin:
        first += timedelta(days=1)
    if first > behind:
        return Parts([], [(begin // MINUTE_MS, end // MINUTE_MS)])
    days = [first + timedelta(days=number) for number in range((behind - first).days)]
    beside = ((begin, midnight(first, bounds.zone)), (midnight(behind, bounds.zone), end))
    return Parts(days, [(since // MINUTE_MS, until // MINUTE_MS) for since, until in beside if since < until])
