"""The series port on InfluxDB, in InfluxQL.

No zone is named to InfluxDB: sums are asked for by quarter of an hour, which divides the hours and days of every zone
there is, and put together by the city's calendar. Trends longer than minutes are drawn from the sums by hour.
"""

import asyncio
from collections.abc import Iterable, Mapping

from cloud.calendar import MINUTE_MS, Calendar
from cloud.series.influx import Influx, Rows
from cloud.series.lines import NS_A_MINUTE, NS_A_MS
from cloud.series.port import CITY
from cloud.series.rules import by_hour
from contract.errors import Unavailable
from proof.scores import Counts, plus

# Where a level, as a tag, stands in the counts.
_PLACES = {"3": 0, "2": 1, "1": 2}

# Nobody looks at an empty chart for longer.
PATIENCE_S = 5.0

RATINGS = """
SELECT count(n) FROM raw.rating
WHERE channel = 'button' AND {place} time >= {first} AND time < {end} GROUP BY time({width}), level fill(none)
"""

HOURS = """
SELECT sum(satisfied), sum(basic), sum(dissatisfied) FROM forever.rating_1h
WHERE channel = 'button' AND {place} time >= {first} AND time < {end} GROUP BY time(15m) fill(none)
"""

DAYS_OF_A_WINDOW = """
SELECT sum(satisfied), sum(basic), sum(dissatisfied) FROM forever.rating_1d
WHERE channel = 'button' AND {place} time >= {first} AND time < {end} GROUP BY time(15m) fill(none)
"""

TOWNSHIPS = """
SELECT sum(satisfied), sum(basic), sum(dissatisfied) FROM forever.rating_1h
WHERE channel = 'button' AND time >= {first} AND time < {end} GROUP BY township
"""


class Remote:
    """Asks `influx`; `calendar` names hours and days. Raises `Unavailable` when InfluxDB does not answer."""

    def __init__(self, influx: Influx, calendar: Calendar) -> None:
        self._influx = influx
        self._calendar = calendar

    async def minutes(self, place: str, first: int, last: int) -> Mapping[int, Counts]:
        """Return counts by minute number, as the port says."""
        return await self._ratings(place, first, last + 1, "1m")

    async def hours(self, place: str, first: int, last: int) -> Mapping[int, Counts]:
        """Return counts by hour, as the port says."""
        if "/" in place:
            quarters = await self._ratings(place, first, last + 60, "15m")
            hours = by_hour(quarters, self._calendar)
            return {at // MINUTE_MS: n for at, n in hours.items() if at <= last * MINUTE_MS}
        return _sums(await self._asked(HOURS, place, first * NS_A_MINUTE, last * NS_A_MINUTE + 1))

    async def days(self, place: str, first: str, last: str) -> Mapping[str, Counts]:
        """Return counts by day, as the port says."""
        statement = DAYS_OF_A_WINDOW if "/" in place else HOURS
        found: dict[str, Counts] = {}
        for minute, n in _sums(await self._asked(statement, place, *self._span(first, last))).items():
            day = self._calendar.day(minute * MINUTE_MS)
            before = found.get(day, (0, 0, 0))
            found[day] = plus(before, n)
        return found

    async def ranking(self, first: str, last: str) -> Mapping[str, Counts]:
        """Return counts by township, as the port says."""
        found = await self._asked(TOWNSHIPS, CITY, *self._span(first, last))
        return {rows.tags["township"]: _counts(rows.values[0][1:]) for rows in found if rows.tags["township"]}

    async def _ratings(self, place: str, first: int, end: int, width: str) -> dict[int, Counts]:
        """Count single ratings of the minutes from `first` to before `end` by `width`, named by its first minute."""
        found: dict[int, list[int]] = {}
        for rows in await self._asked(RATINGS, place, first * NS_A_MINUTE, end * NS_A_MINUTE, width=width):
            place_of_level = _PLACES.get(rows.tags["level"])
            if place_of_level is None:
                # Somebody else's points have whatever tags they like.
                continue
            for at, count in rows.values:
                found.setdefault(at // NS_A_MINUTE, [0, 0, 0])[place_of_level] = count
        return {minute: (n[0], n[1], n[2]) for minute, n in sorted(found.items())}

    async def _asked(self, statement: str, place: str, first: int, end: int, **parts: str) -> list[Rows]:
        """Ask about `place` from `first` to before `end` (ns)."""
        asked = statement.format(place=_of(place), first=first, end=end, **parts)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._influx.ask(asked, place=place)
        except TimeoutError as slow:
            raise Unavailable(f"influxdb: no answer to a trend within {PATIENCE_S:.0f} s") from slow

    def _span(self, first: str, last: str) -> tuple[int, int]:
        return self._calendar.start(first) * NS_A_MS, self._calendar.end(last) * NS_A_MS


def _of(place: str) -> str:
    """Return the condition that leaves `place` alone; the name itself goes as a value."""
    if place == CITY:
        return ""
    if "/" in place:
        return '"window" = $place AND'
    return "county = $place AND" if len(place) == len("371721") else "township = $place AND"


def _sums(found: Iterable[Rows]) -> dict[int, Counts]:
    return {row[0] // NS_A_MINUTE: _counts(row[1:]) for rows in found for row in rows.values}


def _counts(values: list[int | None]) -> Counts:
    """Return sums as counts; of points without a field, which are not ours, there is no sum."""
    satisfied, basic, dissatisfied = (value or 0 for value in values)
    return satisfied, basic, dissatisfied
