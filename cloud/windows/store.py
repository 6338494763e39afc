"""SQL of windows: their newest ratings, their counts by day, whose they are, and how many cases are open at each.

Each statement is about the windows between two names. The tallies' keys begin with the time, so they are read by one
seek for each step of a span (`cloud.series.embedded` says more).
"""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.cases.tables
import cloud.staffing.tables
import cloud.tallies.tables  # noqa: F401  (their tables belong to the schema)
from cloud.calendar import MINUTE_MS, Calendar
from cloud.cases.veil import Viewer
from cloud.database import fetch
from cloud.staffing.rules import Named
from cloud.windows.rules import DAYS, MINUTES, Press, pressed
from proof.scores import Counts

NEWEST_MINUTES = """
WITH RECURSIVE span (minute) AS (
    SELECT CAST(:first AS BIGINT) UNION ALL SELECT minute + 1 FROM span WHERE minute < :last
)
SELECT t."window", max(t.minute) FROM span CROSS JOIN tally_minute AS t
WHERE t.minute = span.minute AND t."window" >= :low AND t."window" <= :high AND t.channel = 'button' GROUP BY t."window"
"""
NEWEST_DAYS = """
SELECT "window", max(day) FROM tally_day
WHERE day IN ({days}) AND "window" >= :low AND "window" <= :high AND channel = 'button' GROUP BY "window"
"""
COUNTS = """
SELECT "window", sum(satisfied), sum(basic), sum(dissatisfied) FROM tally_day
WHERE day IN ({days}) AND "window" >= :low AND "window" <= :high AND channel = 'button' GROUP BY "window"
"""
OFFICES = """
SELECT m."window", o.code, o.zh, o.en FROM office_window AS m JOIN office AS o ON o.code = m.office
WHERE m."window" >= :low AND m."window" <= :high
  AND m.valid_from <= :at AND coalesce(m.valid_to, 9007199254740992) > :until
"""
# Of open cases those of which the viewer sees some rating.
CASES = """
SELECT "window", count(*) FROM "case"
WHERE closed_at IS NULL AND "window" >= :low AND "window" <= :high
  AND EXISTS (SELECT 1 FROM case_rating AS r WHERE r."case" = number AND r.seen_from <= :until) GROUP BY "window"
"""
Names = tuple[str, str]


async def presses(connection: AsyncConnection, names: Names, now: int, calendar: Calendar) -> dict[str, Press]:
    """The newest rating of each window that had one within `DAYS`, at `now` (ms)."""
    last = now // MINUTE_MS
    minutes = await fetch(connection, NEWEST_MINUTES, (last - MINUTES, last, *names))
    days = await _by_days(connection, NEWEST_DAYS, calendar.last_days(calendar.day(now), DAYS), names)
    return pressed({window: int(minute) for window, minute in minutes}, dict(days), calendar)


async def counts(connection: AsyncConnection, names: Names, days: list[str]) -> dict[str, Counts]:
    """The ratings of each window on these days."""
    if not days:
        return {}
    rows = await _by_days(connection, COUNTS, days, names)
    return {window: (int(s), int(b), int(d)) for window, s, b, d in rows}


async def offices(connection: AsyncConnection, names: Names, at: int) -> dict[str, Named]:
    """Whose each window is at `at` (ms)."""
    return {window: Named(*office) for window, *office in await fetch(connection, OFFICES, (*names, at, at))}


async def open_cases(connection: AsyncConnection, names: Names, viewer: Viewer) -> dict[str, int]:
    """How many cases of each window have not ended, as `viewer` sees them."""
    return {window: int(count) for window, count in await fetch(connection, CASES, (*names, viewer.until))}


async def _by_days(connection: AsyncConnection, sql: str, days: list[str], names: Names) -> list[tuple[Any, ...]]:
    """Run `sql` with a place for each day; SQLite and PostgreSQL have no value that is a list in common."""
    held = ", ".join(f":day{index}" for index in range(len(days)))
    return await fetch(connection, sql.format(days=held), (*days, *names))
