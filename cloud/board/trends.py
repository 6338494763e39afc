"""The city's score over the last 60 minutes, 24 hours and 30 days, moving with the clock. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from cloud.board.picture import Estimated, Point
from cloud.board.picture import Trends as TrendsPicture
from cloud.calendar import HOUR_MS, MINUTE_MS, Calendar
from proof.scores import Counts, percent, plus

MINUTES, HOURS, DAYS = 60, 24, 30
_NOTHING: Counts = (0, 0, 0)
_K = TypeVar("_K", int, str)


def first_minute(calendar: Calendar, now: int) -> int:
    """Return the oldest minute number that the 24 hours shown at `now` (ms) need."""
    return (calendar.hour(now) - (HOURS - 1) * HOUR_MS) // MINUTE_MS


class Trends:
    """A fold of counts by minute; buckets that the clock has not reached yet are kept and shown when it does."""

    def __init__(
        self,
        calendar: Calendar,
        minutes: Mapping[int, Counts],
        days: Mapping[str, Counts],
        estimated: Mapping[int, int],
    ) -> None:
        """`estimated`: how many of a minute's ratings stand there by an estimate, as far back as the days reach."""
        self._calendar = calendar
        self._minutes: dict[int, Counts] = dict(minutes)
        self._days: dict[str, Counts] = dict(days)
        self._hours: dict[int, Counts] = {}
        self._estimated: dict[int, int] = dict(estimated)
        for minute, n in minutes.items():
            self._add(self._hours, calendar.hour(minute * MINUTE_MS), n)

    def add(self, minute: int, day: str, n: Counts) -> None:
        """Count `n` in `minute` (number since 1970), which belongs to `day`; the far past is dropped by `forget`."""
        self._add(self._minutes, minute, n)
        self._add(self._hours, self._calendar.hour(minute * MINUTE_MS), n)
        self._add(self._days, day, n)

    def guess(self, minute: int, ratings: int) -> None:
        """Know that so many of what was counted in `minute` stand there by an estimate of their time."""
        self._estimated[minute] = self._estimated.get(minute, 0) + ratings

    def forget(self, now: int) -> None:
        """Drop what the buckets shown at `now` (ms) do not need."""
        first = first_minute(self._calendar, now)
        self._minutes = {minute: n for minute, n in self._minutes.items() if minute >= first}
        self._hours = {hour: n for hour, n in self._hours.items() if hour >= first * MINUTE_MS}
        first_day = self._calendar.last_days(self._calendar.day(now), DAYS)[0]
        self._days = {day: n for day, n in self._days.items() if day >= first_day}
        least = self._calendar.start(first_day) // MINUTE_MS
        self._estimated = {minute: count for minute, count in self._estimated.items() if minute >= least}

    def picture(self, now: int) -> TrendsPicture:
        """Return the buckets up to the ones that `now` (ms) falls in."""
        minute, hour = now // MINUTE_MS, self._calendar.hour(now)
        minutes = range(minute - MINUTES + 1, minute + 1)
        hours = range(hour - (HOURS - 1) * HOUR_MS, hour + 1, HOUR_MS)
        days = self._calendar.last_days(self._calendar.day(now), DAYS)
        return TrendsPicture(
            minute=_points((number * MINUTE_MS, self._minutes.get(number, _NOTHING)) for number in minutes),
            hour=_points((start, self._hours.get(start, _NOTHING)) for start in hours),
            day=_points((self._calendar.start(day), self._days.get(day, _NOTHING)) for day in days),
            estimated=self._guesses(minutes, hours, days) if self._estimated else Estimated(),
        )

    def _guesses(self, minutes: range, hours: range, days: Sequence[str]) -> Estimated:
        """Return the estimates in the buckets shown, which are few."""
        calendar, shown = self._calendar, set(days)
        by_minute: Counter[int] = Counter()
        by_hour: Counter[int] = Counter()
        by_day: Counter[int] = Counter()
        for minute, count in self._estimated.items():
            at = minute * MINUTE_MS
            hour, day = calendar.hour(at), calendar.day(at)
            if minute in minutes:
                by_minute[at] += count
            if hours[0] <= hour <= hours[-1]:
                by_hour[hour] += count
            if day in shown:
                by_day[calendar.start(day)] += count
        return Estimated(sorted(by_minute.items()), sorted(by_hour.items()), sorted(by_day.items()))

    @staticmethod
    def _add(buckets: dict[_K, Counts], key: _K, n: Counts) -> None:
        buckets[key] = plus(buckets.get(key, _NOTHING), n)


def _points(buckets: Iterable[tuple[int, Counts]]) -> list[Point]:
    return [(start, percent(n), sum(n)) for start, n in buckets]
