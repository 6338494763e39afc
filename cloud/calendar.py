"""Days and hours of the city's zone, as milliseconds since 1970 UTC. Pure: the zone table is all it reads."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
# Since 1973 no zone has changed its offset but where a quarter of an hour begins (tzdata).
QUARTER_MS = 900_000
# Some six weeks of them are remembered.
_QUARTERS = 4096


def milliseconds(moment: datetime) -> int:
    """`moment`, which has a zone, in ms since 1970 UTC, cut to seconds."""
    # Not by way of UTC, where the first and the last day of the calendar may be in no year.
    return int(moment.timestamp()) * 1000


class Calendar:
    """Answers which day a moment belongs to and when a day begins, in one zone.

    A day is written as ISO text, "2026-11-22". Consecutive questions mostly fall on one day, so the bounds of the last
    answer are kept: asking again costs two comparisons. Any thread may ask.
    """

    def __init__(self, zone: str) -> None:
        """Take the IANA name of the zone; raises `zoneinfo.ZoneInfoNotFoundError` for one that is not known."""
        self.zone = zone
        self._info = ZoneInfo(zone)
        # A day and its bounds, always replaced together: threads share a calendar.
        self._kept = ("", 0, 0)
        self._offset_ms = lru_cache(maxsize=_QUARTERS)(partial(_offset_ms, self._info))

    def day(self, at: int) -> str:
        """Return the day that `at` (ms) falls on."""
        day, begin, end = self._kept
        if not begin <= at < end:
            # Whole seconds: a float of milliseconds could round up into the next day.
            local = datetime.fromtimestamp(at // 1000, UTC).astimezone(self._info).date()
            day = local.isoformat()
            self._kept = day, self._midnight(local), self._midnight(local + timedelta(days=1))
        return day

    def start(self, day: str) -> int:
        """Return when `day` begins (ms)."""
        return self._midnight(date.fromisoformat(day))

    def end(self, day: str) -> int:
        """Return when `day` ends (ms), which is when the next one begins."""
        return self._midnight(date.fromisoformat(day) + timedelta(days=1))

    def moment(self, day: str, minute: int) -> int:
        """Return when the clocks show `minute` (0 to 1440, counted from midnight) on `day` (ms)."""
        ahead, minute = divmod(minute, 24 * 60)
        local = date.fromisoformat(day) + timedelta(days=ahead)
        return int(datetime.combine(local, time(*divmod(minute, 60)), self._info).timestamp()) * 1000

    def shown(self, at: int) -> str:
        """Return `at` (ms) as the clocks show it, "2026-11-22 09:30"."""
        return f"{datetime.fromtimestamp(at // 1000, UTC).astimezone(self._info):%Y-%m-%d %H:%M}"

    def later(self, day: str, count: int) -> str:
        """Return the day `count` days after `day`; before it where `count` is negative."""
        return (date.fromisoformat(day) + timedelta(days=count)).isoformat()

    def weekday(self, day: str) -> int:
        """Return the day of the week of `day`, 0 for Monday to 6 for Sunday."""
        return date.fromisoformat(day).weekday()

    def hour(self, at: int) -> int:
        """Return when the hour begins that `at` (ms) falls in; zones half an hour off UTC have their own full hours."""
        return at - (at + self._offset_ms(at // QUARTER_MS)) % HOUR_MS

    def last_days(self, day: str, count: int) -> list[str]:
        """Return `count` days up to and including `day`, oldest first."""
        last = date.fromisoformat(day)
        return [(last - timedelta(days=back)).isoformat() for back in range(count - 1, -1, -1)]

    def between(self, first: str, last: str) -> list[str]:
        """Return the days from `first` to `last`, both included."""
        return self.last_days(last, (date.fromisoformat(last) - date.fromisoformat(first)).days + 1)

    def _midnight(self, day: date) -> int:
        return int(datetime.combine(day, time(), self._info).timestamp()) * 1000


def _offset_ms(info: ZoneInfo, quarter: int) -> int:
    """How far the clocks of a zone are ahead of UTC in a quarter of an hour, counted from 1970 UTC."""
    offset = datetime.fromtimestamp(quarter * QUARTER_MS // 1000, UTC).astimezone(info).utcoffset() or timedelta(0)
    return offset // timedelta(milliseconds=1)
