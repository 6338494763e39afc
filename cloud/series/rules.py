"""Buckets of a trend: which there are, what goes into each, and what of a single window may be seen.

And the ranking of townships over some days. Pure.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from cloud.calendar import HOUR_MS, MINUTE_MS, Calendar
from proof.scores import Counts, interval, percent, percent_interval, plus

Scale = Literal["minute", "hour", "day"]
MOST: Mapping[Scale, int] = {"minute": 24 * 60, "hour": 32 * 24, "day": 400}
MOST_RANKED_DAYS = 400
USUAL: Mapping[Scale, int] = {"minute": 60, "hour": 24, "day": 30}
# A bucket is fresh until so long after its end. So few ratings could be told apart.
OTHERS = 5
VEIL_MS = 60 * MINUTE_MS
# Which buckets hide their levels, and never their number. few: fresh ones with so few ratings. fresh: all fresh ones,
# since whoever asks again after each citizen would read the one between off the difference. ever: all, since a single
# rating is a minute's only one for good.
Veil = Literal["none", "few", "fresh", "ever"]


class Bucket(msgspec.Struct, frozen=True):
    """Ratings from `at` (ms) on: how many, by level, and their score; the latter null where none are or may be seen.

    `estimated`: how many of them stand here by an estimate of their time, and may belong to another bucket.
    """

    at: int
    count: int
    n: Counts | None
    score: float | None
    estimated: int = 0


class Trend(msgspec.Struct, frozen=True):
    """A place's ratings by `by`, oldest first, without gaps; the last bucket holds `until` (ms)."""

    place: str
    by: Scale
    zone: str
    until: int
    buckets: list[Bucket]


class Ranked(msgspec.Struct, frozen=True):
    """A township's ratings, their score, and the 95 % interval of it in percent; both null without ratings."""

    place: str
    count: int
    n: Counts
    score: float | None
    interval: tuple[float, float] | None


class Ranking(msgspec.Struct, frozen=True):
    """Every township over the days `first` to `last` of `zone`, the surely best first.

    They stand by the lower bound of their score, so that a few lucky ratings put none in front; those without ratings
    come last, by their code.
    """

    first: str
    last: str
    zone: str
    townships: list[Ranked]


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
        hours[start] = plus(before, n)
    return hours


def by_start(by: Scale, minutes: Mapping[int, int], calendar: Calendar) -> dict[int, int]:
    """Sum numbers of ratings by minute number to those by the start (ms) of the bucket they fall in."""
    sums: dict[int, int] = {}
    for minute, ratings in minutes.items():
        at = minute * MINUTE_MS
        start = at if by == "minute" else calendar.hour(at) if by == "hour" else calendar.start(calendar.day(at))
        sums[start] = sums.get(start, 0) + ratings
    return sums


def buckets(
    firsts: list[int], counts: Mapping[int, Counts], estimated: Mapping[int, int], *, now: int, veil: Veil
) -> list[Bucket]:
    """Return a bucket for each start in `firsts`; those behind the `veil` hide their levels."""
    made = []
    for at, end in zip(firsts, [*firsts[1:], None], strict=True):
        n = counts.get(at, (0, 0, 0))
        count = sum(n)
        fresh = end is None or end + VEIL_MS > now
        veiled = veil == "ever" or (fresh and (veil == "fresh" or (veil == "few" and count <= OTHERS)))
        hidden = count == 0 or veiled
        guessed = estimated.get(at, 0)
        made.append(Bucket(at, count, None if hidden else n, None if hidden else percent(n), guessed))
    return made


def ranked(counts: Mapping[str, Counts], townships: Iterable[str]) -> list[Ranked]:
    """Return each of `townships`, and whatever else has `counts`, in the order of a ranking."""
    order = []
    for place in {*townships, *counts}:
        n = counts.get(place, (0, 0, 0))
        bounds = interval(n)
        order.append((sum(n) == 0, -bounds.low, -bounds.high, place, n, percent_interval(bounds)))
    return [
        Ranked(place, sum(n), n, percent(n), None if empty else (shown.low, shown.high))
        for empty, _, _, place, n, shown in sorted(order)
    ]
