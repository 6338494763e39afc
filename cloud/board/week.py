"""What the trends show, one week earlier: what a Saturday is like only another Saturday can say. Pure.

A score of last week is shown without its count, so that one of fewer than `least` ratings is none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain

from cloud.board.picture import LastWeek
from cloud.calendar import HOUR_MS, MINUTE_MS, Calendar
from proof.scores import Counts, percent, plus

WEEK = 7
_NOTHING: Counts = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets that the trends end with: numbers of minutes, starts of hours (ms), days."""

    minutes: Sequence[int]
    hours: Sequence[int]
    days: Sequence[str]


@dataclass(frozen=True, slots=True)
class Counted:
    """The city's counts by minute number, by start of the hour (ms) and by day."""

    minutes: Mapping[int, Counts]
    hours: Mapping[int, Counts]
    days: Mapping[str, Counts]


def week_before(calendar: Calendar, at: int) -> int:
    """Return when the clocks showed the same as at `at` (ms) a week before; off by what they were changed in between.

    Off only on the very days on which clocks are changed.
    """
    day = calendar.day(at)
    return calendar.start(calendar.later(day, -WEEK)) + at - calendar.start(day)


def last_week(calendar: Calendar, shown: Buckets, counted: Counted, *, least: int) -> LastWeek:
    """Return what was counted a week before the buckets `shown`."""

    def score(n: Counts) -> float | None:
        return percent(n) if sum(n) >= least else None

    ends = week_before(calendar, shown.minutes[-1] * MINUTE_MS) // MINUTE_MS
    numbers = range(ends - len(shown.minutes) + 1, ends + 1)
    return LastWeek(
        minute=score(_sum(counted.minutes.get(number, _NOTHING) for number in numbers)),
        hour=[score(counted.hours.get(week_before(calendar, hour), _NOTHING)) for hour in shown.hours],
        day=[score(counted.days.get(calendar.later(day, -WEEK), _NOTHING)) for day in shown.days],
    )


def so_far(calendar: Calendar, now: int, counted: Counted) -> Counts:
    """Return the counts of the same weekday last week up to the time of day that it is `now` (ms), in whole minutes."""
    end = week_before(calendar, now)
    begin, hour = calendar.start(calendar.day(end)), calendar.hour(end)
    full = (counted.hours.get(start, _NOTHING) for start in range(begin, hour, HOUR_MS))
    rest = (counted.minutes.get(number, _NOTHING) for number in range(hour // MINUTE_MS, end // MINUTE_MS))
    return _sum(chain(full, rest))


def _sum(parts: Iterable[Counts]) -> Counts:
    return reduce(plus, parts, _NOTHING)
