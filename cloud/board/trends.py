"""The city's score over the last 60 minutes, 24 hours and 30 days, and a week before, moving with the clock. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from cloud.board.picture import Estimated, LastWeek, Point
from cloud.board.picture import Trends as TrendsPicture
from cloud.board.week import WEEK, Buckets, Counted, last_week, so_far
from cloud.calendar import HOUR_MS, MINUTE_MS, Calendar
from proof.scores import Counts, percent, plus

MINUTES, HOURS, DAYS = 60, 24, 30
_NOTHING: Counts = (0, 0, 0)
_K = TypeVar("_K", int, str)


def first_minute(calendar: Calendar, now: int) -> int:
    """Return the oldest minute number that is needed at `now` (ms): the 24 hours of last week begin on that day."""
    return calendar.start(calendar.later(calendar.day(now), -1 - WEEK)) // MINUTE_MS


def first_day(calendar: Calendar, now: int) -> str:
    """Return the oldest day that is needed at `now` (ms): a week before the first of the 30 days."""
    return calendar.later(calendar.day(now), 1 - DAYS - WEEK)


def first_estimate(calendar: Calendar, now: int) -> int:
    """Return the oldest minute number whose estimates are shown at `now` (ms), on the first of the 30 days."""
    return calendar.start(calendar.later(calendar.day(now), 1 - DAYS)) // MINUTE_MS


class Trends:
    """A fold of counts by minute; buckets that the clock has not reached yet are kept and shown when it does."""

    def __init__(
        self,
        calendar: Calendar,
        minutes: Mapping[int, Counts],
        days: Mapping[str, Counts],
        estimated: Mapping[int, int],
        least: int,
    ) -> None:
        """`estimated`: how many of a minute's ratings stand there by an estimate, as far back as the 30 days.

        `least`: the smallest sample that a score of last week may rest on.
        """
        self._calendar = calendar
        self._minutes: dict[int, Counts] = dict(minutes)
        self._days: dict[str, Counts] = dict(days)
        self._hours: dict[int, Counts] = {}
        self._estimated: dict[int, int] = dict(estimated)
        self._least = least
        # What was found of last week in which minute, and before which minute a rating changes it.
        self._known: tuple[int, LastWeek, Counts] | None = None
        self._known_end = 0
        for minute, n in minutes.items():
            self._add(self._hours, calendar.hour(minute * MINUTE_MS), n)

    def add(self, minute: int, day: str, n: Counts) -> None:
        """Count `n` in `minute` (number since 1970), which belongs to `day`; the far past is dropped by `forget`."""
        self._add(self._minutes, minute, n)
        self._add(self._hours, self._calendar.hour(minute * MINUTE_MS), n)
        self._add(self._days, day, n)
        if minute < self._known_end:
            self._known = None

    def guess(self, minute: int, ratings: int) -> None:
        """Know that so many of what was counted in `minute` stand there by an estimate of their time."""
        self._estimated[minute] = self._estimated.get(minute, 0) + ratings

    def forget(self, now: int) -> None:
        """Drop what the buckets shown at `now` (ms) do not need."""
        first = first_minute(self._calendar, now)
        self._minutes = {minute: n for minute, n in self._minutes.items() if minute >= first}
        self._hours = {hour: n for hour, n in self._hours.items() if hour >= first * MINUTE_MS}
        oldest = first_day(self._calendar, now)
        self._days = {day: n for day, n in self._days.items() if day >= oldest}
        shown = first_estimate(self._calendar, now)
        self._estimated = {minute: count for minute, count in self._estimated.items() if minute >= shown}

    def picture(self, now: int) -> TrendsPicture:
        """Return the buckets up to the ones that `now` (ms) falls in."""
        minutes, hours, days = self._shown(now)
        return TrendsPicture(
            minute=_points((number * MINUTE_MS, self._minutes.get(number, _NOTHING)) for number in minutes),
            hour=_points((start, self._hours.get(start, _NOTHING)) for start in hours),
            day=_points((self._calendar.start(day), self._days.get(day, _NOTHING)) for day in days),
            estimated=self._guesses(minutes, hours, days) if self._estimated else Estimated(),
        )

    def last_week(self, now: int) -> LastWeek:
        """Return what was a week before the buckets shown at `now` (ms); the same object while it is the same."""
        return self._of_last_week(now)[0]

    def week_so_far(self, now: int) -> Counts:
        """Return the counts of the same weekday last week, up to the minute of the day that it is `now` (ms)."""
        return self._of_last_week(now)[1]

    def _of_last_week(self, now: int) -> tuple[LastWeek, Counts]:
        minute = now // MINUTE_MS
        if self._known is None or self._known[0] != minute:
            calendar, (minutes, hours, days) = self._calendar, self._shown(now)
            counted = Counted(self._minutes, self._hours, self._days)
            found = last_week(calendar, Buckets(minutes, hours, days), counted, least=self._least)
            self._known = minute, found, so_far(calendar, now, counted)
            self._known_end = calendar.end(calendar.later(days[-1], -WEEK)) // MINUTE_MS
        return self._known[1], self._known[2]

    def _shown(self, now: int) -> tuple[range, range, list[str]]:
        """Return the numbers of the minutes, the starts of the hours (ms) and the days shown at `now` (ms)."""
        minute, hour = now // MINUTE_MS, self._calendar.hour(now)
        minutes = range(minute - MINUTES + 1, minute + 1)
        hours = range(hour - (HOURS - 1) * HOUR_MS, hour + 1, HOUR_MS)
        return minutes, hours, self._calendar.last_days(self._calendar.day(now), DAYS)

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
