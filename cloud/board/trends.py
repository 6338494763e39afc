"""The city's score over the last 60 minutes, 24 hours and 30 days, moving with the clock. Pure."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from cloud.board.picture import Point
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

    def __init__(self, calendar: Calendar, minutes: Mapping[int, Counts], days: Mapping[str, Counts]) -> None:
        self._calendar = calendar
        self._minutes: dict[int, Counts] = dict(minutes)
        self._days: dict[str, Counts] = dict(days)
        self._hours: dict[int, Counts] = {}
        for minute, n in minutes.items():
            self._add(self._hours, calendar.hour(minute * MINUTE_MS), n)

    def add(self, minute: int, day: str, n: Counts) -> None:
        """Count `n` in `minute` (number since 1970), which belongs to `day`; the far past is dropped by `forget`."""
        self._add(self._minutes, minute, n)
        self._add(self._hours, self._calendar.hour(minute * MINUTE_MS), n)
        self._add(self._days, day, n)

    def forget(self, now: int) -> None:
        """Drop what the buckets shown at `now` (ms) do not need."""
        first = first_minute(self._calendar, now)
        self._minutes = {minute: n for minute, n in self._minutes.items() if minute >= first}
        self._hours = {hour: n for hour, n in self._hours.items() if hour >= first * MINUTE_MS}
        first_day = self._calendar.last_days(self._calendar.day(now), DAYS)[0]
        self._days = {day: n for day, n in self._days.items() if day >= first_day}

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
        )

    @staticmethod
    def _add(buckets: dict[_K, Counts], key: _K, n: Counts) -> None:
        buckets[key] = plus(buckets.get(key, _NOTHING), n)


def _points(buckets: Iterable[tuple[int, Counts]]) -> list[Point]:
    return [(start, percent(n), sum(n)) for start, n in buckets]
