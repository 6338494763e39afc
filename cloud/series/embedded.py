"""The series port on the city's own SQL tallies.

The tallies' keys begin with the time, as it suits writing. A county, township or window is read by one seek for each
step of the span, which the join with a generated span does: a window's 24 hours took 4 ms among a million cells,
against 95 ms for reading all that lies between. Both SQLite and PostgreSQL keep to that order.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.calendar import MINUTE_MS, Calendar
from cloud.registry.snapshot import names_of
from cloud.series.port import CITY
from cloud.series.rules import by_hour
from proof.scores import Counts, plus

CITY_MINUTES = text("""
SELECT minute, SUM(satisfied), SUM(basic), SUM(dissatisfied) FROM tally_city
WHERE minute BETWEEN :first AND :last AND channel = 'button' GROUP BY minute
""")

# CROSS JOIN keeps SQLite from turning the join around; the names of a place's windows all lie in low..high.
PLACE_MINUTES = text("""
WITH RECURSIVE span (minute) AS (
    SELECT CAST(:first AS BIGINT) UNION ALL SELECT minute + 1 FROM span WHERE minute < :last
)
SELECT t.minute, SUM(t.satisfied), SUM(t.basic), SUM(t.dissatisfied)
FROM span CROSS JOIN tally_minute AS t
WHERE t.minute = span.minute AND t."window" >= :low AND t."window" <= :high AND t.channel = 'button'
GROUP BY t.minute
""")

CITY_HOURS = text("""
SELECT hour, SUM(satisfied), SUM(basic), SUM(dissatisfied) FROM tally_township
WHERE hour BETWEEN :first AND :last AND channel = 'button' GROUP BY hour
""")

# An hour of any zone begins at a full quarter of an hour of UTC.
PLACE_HOURS = text("""
WITH RECURSIVE span (hour) AS (
    SELECT CAST(:first AS BIGINT) UNION ALL SELECT hour + 15 FROM span WHERE hour + 15 <= :last
)
SELECT t.hour, SUM(t.satisfied), SUM(t.basic), SUM(t.dissatisfied)
FROM span CROSS JOIN tally_township AS t
WHERE t.hour = span.hour AND t.township >= :low AND t.township <= :high AND t.channel = 'button'
GROUP BY t.hour
""")

WINDOW_DAYS = text("""
SELECT day, SUM(satisfied), SUM(basic), SUM(dissatisfied) FROM tally_day
WHERE day IN :days AND "window" = :window AND channel = 'button' GROUP BY day
""").bindparams(bindparam("days", expanding=True))

TOWNSHIPS = text("""
SELECT township, SUM(satisfied), SUM(basic), SUM(dissatisfied) FROM tally_township
WHERE hour >= :first AND hour < :end AND channel = 'button' GROUP BY township
""")


class Embedded:
    """Reads through `reader`; `calendar` names the hours and days of the tallies."""

    def __init__(self, reader: AsyncEngine, calendar: Calendar) -> None:
        self._reader = reader
        self._calendar = calendar

    async def minutes(self, place: str, first: int, last: int) -> Mapping[int, Counts]:
        """Return counts by minute number, as the port says."""
        if place == CITY:
            return await self._counts(CITY_MINUTES, first=first, last=last)
        low, high = names_of(place)
        return await self._counts(PLACE_MINUTES, first=first, last=last, low=low, high=high)

    async def hours(self, place: str, first: int, last: int) -> Mapping[int, Counts]:
        """Return counts by hour, as the port says."""
        if place == CITY:
            return await self._counts(CITY_HOURS, first=first, last=last)
        if "/" in place:
            hours = by_hour(await self.minutes(place, first, last + 59), self._calendar)
            return {at // MINUTE_MS: n for at, n in hours.items() if at <= last * MINUTE_MS}
        low, high = townships_of(place)
        return await self._counts(PLACE_HOURS, first=first, last=last, low=low, high=high)

    async def days(self, place: str, first: str, last: str) -> Mapping[str, Counts]:
        """Return counts by day, as the port says."""
        if "/" in place:
            return await self._counts(WINDOW_DAYS, days=self._calendar.between(first, last), window=place)
        begin, end = self._span(first, last)
        days: dict[str, Counts] = {}
        for hour, n in (await self.hours(place, begin, end - 1)).items():
            day = self._calendar.day(hour * MINUTE_MS)
            before = days.get(day, (0, 0, 0))
            days[day] = plus(before, n)
        return days

    async def ranking(self, first: str, last: str) -> Mapping[str, Counts]:
        """Return counts by township, as the port says."""
        begin, end = self._span(first, last)
        return await self._counts(TOWNSHIPS, first=begin, end=end)

    def _span(self, first: str, last: str) -> tuple[int, int]:
        return self._calendar.start(first) // MINUTE_MS, self._calendar.end(last) // MINUTE_MS

    async def _counts(self, statement: TextClause, **values: object) -> dict[Any, Counts]:
        """Counts by the first column; PostgreSQL sums whole numbers to decimals."""
        async with self._reader.begin() as connection:
            rows = await connection.execute(statement, values)
            return {key: (int(s), int(b), int(d)) for key, s, b, d in rows}


def townships_of(place: str) -> tuple[str, str]:
    """Return between which codes, both inclusive, the townships of `place`, a county or a township, lie."""
    return (place, place) if len(place) == len("371721121") else (place, str(int(place) + 1))
