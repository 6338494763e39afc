"""The series port on the city's own SQL tallies.

The tallies' keys begin with the time, as it suits writing. A county, township or window is read by one seek for each
minute or day of the span, which the join with a generated span does: a window's 24 hours took 4 ms among a million
cells, against 95 ms for reading all that lies between.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.calendar import Calendar
from proof.scores import Counts

CITY = "city"

CITY_MINUTES = text("""
SELECT minute, SUM(satisfied), SUM(basic), SUM(dissatisfied) FROM tally_city
WHERE minute BETWEEN :first AND :last GROUP BY minute
""")

CITY_DAYS = text("""
SELECT day, SUM(satisfied), SUM(basic), SUM(dissatisfied) FROM tally_day
WHERE day BETWEEN :first AND :last GROUP BY day
""")

# CROSS JOIN keeps SQLite from turning the join around; the names of a place's windows all lie in low..high.
PLACE_MINUTES = text("""
WITH RECURSIVE span (minute) AS (
    SELECT CAST(:first AS BIGINT) UNION ALL SELECT minute + 1 FROM span WHERE minute < :last
)
SELECT t.minute, SUM(t.satisfied), SUM(t.basic), SUM(t.dissatisfied)
FROM span CROSS JOIN tally_minute AS t
WHERE t.minute = span.minute AND t."window" >= :low AND t."window" < :high
GROUP BY t.minute
""")

PLACE_DAYS = text("""
SELECT day, SUM(satisfied), SUM(basic), SUM(dissatisfied) FROM tally_day
WHERE day IN :days AND "window" >= :low AND "window" < :high GROUP BY day
""").bindparams(bindparam("days", expanding=True))


class Embedded:
    """Reads through `reader`; `calendar` names the days of the tallies."""

    def __init__(self, reader: AsyncEngine, calendar: Calendar) -> None:
        self._reader = reader
        self._calendar = calendar

    async def minutes(self, place: str, first: int, last: int) -> Mapping[int, Counts]:
        """Return counts by minute number, as the port says."""
        if place == CITY:
            rows = await self._rows(CITY_MINUTES, first=first, last=last)
        else:
            low, high = windows_of(place)
            rows = await self._rows(PLACE_MINUTES, first=first, last=last, low=low, high=high)
        return {int(minute): (int(s), int(b), int(d)) for minute, s, b, d in rows}

    async def days(self, place: str, first: str, last: str) -> Mapping[str, Counts]:
        """Return counts by day, as the port says."""
        if place == CITY:
            rows = await self._rows(CITY_DAYS, first=first, last=last)
        else:
            low, high = windows_of(place)
            rows = await self._rows(PLACE_DAYS, days=self._calendar.between(first, last), low=low, high=high)
        return {str(day): (int(s), int(b), int(d)) for day, s, b, d in rows}

    async def _rows(self, statement: TextClause, **values: object) -> list[tuple[Any, ...]]:
        async with self._reader.begin() as connection:
            return [tuple(row) for row in await connection.execute(statement, values)]


def windows_of(place: str) -> tuple[str, str]:
    """Return between which names (low inclusive, high exclusive) the windows of `place` lie.

    A code's successor, and a window's own name with the smallest character behind it: no locale sorts these otherwise.
    """
    if "/" in place:
        return place, place + "\x01"
    return place, str(int(place) + 1)
