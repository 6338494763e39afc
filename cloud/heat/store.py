"""SQL of counts by hour, from the tallies.

A window's hours are added up from its minutes, of which there are half a million in a year. Only those are looked for
that lie in an hour in which its township has any rating: a third of all minutes at most, for offices that close.
"""

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

import cloud.tallies.tables  # noqa: F401  (its tables belong to the schema)
from cloud.calendar import MINUTE_MS, Calendar
from cloud.database import fetch
from cloud.series.embedded import Embedded
from contract.identity import township_of
from proof.scores import Counts

# By one seek for each step, as `cloud.series.embedded` says; CROSS JOIN keeps SQLite from turning the joins around.
WINDOW_HOURS = """
WITH RECURSIVE span (hour) AS (
    SELECT CAST(:first AS BIGINT) UNION ALL SELECT hour + 15 FROM span WHERE hour + 15 <= :last
), busy (hour) AS (
    SELECT DISTINCT t.hour FROM span CROSS JOIN tally_township AS t WHERE t.hour = span.hour AND t.township = :township
), past (minute) AS (
    SELECT CAST(0 AS BIGINT) UNION ALL SELECT minute + 1 FROM past WHERE minute < 59
)
SELECT busy.hour, sum(t.satisfied), sum(t.basic), sum(t.dissatisfied)
FROM busy CROSS JOIN past CROSS JOIN tally_minute AS t
WHERE t.minute = busy.hour + past.minute AND t."window" = :window AND t.channel = 'button'
GROUP BY busy.hour
"""


async def hours(reader: AsyncEngine, place: str, first: str, last: str, calendar: Calendar) -> dict[int, Counts]:
    """Counts of `place` by the minute number at which an hour begins, on the days `first` to `last`, both included."""
    begin, end = calendar.start(first) // MINUTE_MS, calendar.end(last) // MINUTE_MS - 1
    if "/" not in place:
        return dict(await Embedded(reader, calendar).hours(place, begin, end))
    async with reader.begin() as connection:
        return await _window(connection, place, begin, end)


async def _window(connection: AsyncConnection, window: str, begin: int, end: int) -> dict[int, Counts]:
    rows = await fetch(connection, WINDOW_HOURS, (begin, end, township_of(window), window))
    return {int(hour): (int(s), int(b), int(d)) for hour, s, b, d in rows}
