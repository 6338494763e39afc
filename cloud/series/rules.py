"""Buckets of a trend: which there are, what goes into each, and what of a single window may be seen. Pure."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from cloud.calendar import HOUR_MS, MINUTE_MS, Calendar
from proof.scores import Counts, percent

Scale = Literal["minute", "hour", "day"]
# The city's minutes of one week are ten million cells at 10,000 windows, about a second of reading.
MOST: Mapping[Scale, int] = {"minute": 24 * 60, "hour": 7 * 24, "day": 400}
USUAL: Mapping[Scale, int] = {"minute": 60, "hour": 24, "day": 30}
# No single rating is shown with its window before so many others came, or so long after its bucket ended.
OTHERS = 5
VEIL_MS = 60 * MINUTE_MS


class Bucket(msgspec.Struct, frozen=True):
    """Ratings from `at` (ms) on: how many, by level, and their score; the latter null where none are or may be seen."""

    at: int
    count: int
    n: Counts | None
    score: float | None


class Trend(msgspec.Struct, frozen=True):
    """A place's ratings by `by`, oldest first, without gaps; the last bucket holds `until` (ms)."""

    place: str
    by: Scale
    zone: str
    until: int
    buckets: list[Bucket]


def starts(by: Scale, until: int, count: int, calendar: Calendar) -> list[int]:
    """Return the starts (ms) of `count` buckets, oldest first, the last being the one `until` (ms) falls in."""
    if by == "day":
        return [calendar.start(day) for day in calendar.last_days(calendar.day(until), count)]
    width = MINUTE_MS if by == "minute" else HOUR_MS
    last = until // MINUTE_MS * MINUTE_MS if by == "minute" else calendar.hour(until)
    return [last - back * width for back in range(count - 1, -1, -1)]


def by_hour(minutes: Mapping[int, Counts], calendar: Calendar) -> dict[int, Counts]:
    """Sum counts by minute number to counts by the start of the hour (ms)."""
    hours: dict[int, Counts] = {}
    for minute, n in minutes.items():
        start = calendar.hour(minute * MINUTE_MS)
        before = hours.get(start, (0, 0, 0))
        hours[start] = (before[0] + n[0], before[1] + n[1], before[2] + n[2])
    return hours


def buckets(firsts: list[int], counts: Mapping[int, Counts], *, now: int, veiled: bool) -> list[Bucket]:
    """Return a bucket for each start in `firsts`; `veiled` ones (a single window's) hide the level of a fresh few."""
    made = []
    for at, end in zip(firsts, [*firsts[1:], None], strict=True):
        n = counts.get(at, (0, 0, 0))
        count = sum(n)
        fresh = end is None or end + VEIL_MS > now
        hidden = count == 0 or (veiled and fresh and count <= OTHERS)
        made.append(Bucket(at, count, None if hidden else n, None if hidden else percent(n)))
    return made
