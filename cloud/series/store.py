"""SQL of feeding the series: how far it is, which sums to write, and what it refused."""

from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.series.tables  # noqa: F401  (its tables belong to the schema)
from cloud.calendar import MINUTE_MS, Calendar
from cloud.database import fetch_value, write
from cloud.ledger.pages import rows_in
from cloud.series.influx import Reject
from cloud.series.lines import RollupRow
from cloud.series.page import Page, Touched

REJECTS_KEPT = 10_000

CURSOR = "SELECT position FROM series_cursor WHERE id = 1"

BEGIN_CURSOR = "INSERT INTO series_cursor (id, position) VALUES (1, 0) ON CONFLICT (id) DO NOTHING"

# Of two who feed at the same time only one gets ahead.
MOVE = "UPDATE series_cursor SET position = :position WHERE id = 1 AND position = :before RETURNING position"

PLACE = "UPDATE series_cursor SET position = :position WHERE id = 1"

HOURS = text("""
SELECT hour, township, channel, satisfied, basic, dissatisfied FROM tally_township WHERE hour IN :hours
""").bindparams(bindparam("hours", expanding=True))

DAYS = text("""
SELECT "window", channel, satisfied, basic, dissatisfied FROM tally_day WHERE day = :day AND "window" IN :windows
""").bindparams(bindparam("windows", expanding=True))

REJECT = "INSERT INTO series_reject (at, line, reason) VALUES (:at, :line, :reason)"

DROP_OLDEST_REJECTS = "DELETE FROM series_reject WHERE id <= (SELECT MAX(id) FROM series_reject) - :kept"

LAST_REJECT = "SELECT MAX(id) FROM series_reject"

FORGET_REJECTS = "DELETE FROM series_reject WHERE id <= :last"


async def cursor(connection: AsyncConnection) -> int:
    """Up to which position the series has been fed; 0 for one that never was."""
    return int(await fetch_value(connection, CURSOR) or 0)


async def place(connection: AsyncConnection, position: int) -> None:
    """Set the cursor, whoever is feeding; what they write next does not count as fed."""
    await write(connection, BEGIN_CURSOR)
    await write(connection, PLACE, [(position,)])


async def move(connection: AsyncConnection, before: int, position: int) -> bool:
    """Set the cursor from `before` to `position`; False when it does not stand at `before`."""
    await write(connection, BEGIN_CURSOR)
    return await fetch_value(connection, MOVE, (position, before)) is not None


async def reject(connection: AsyncConnection, rejects: Iterable[Reject], at: int) -> None:
    """Keep `rejects`, refused at `at` (ms); only the newest `REJECTS_KEPT` of all are kept."""
    rows = [(at, refused.line, refused.reason) for refused in rejects]
    if rows:
        await write(connection, REJECT, rows)
        await write(connection, DROP_OLDEST_REJECTS, [(REJECTS_KEPT,)])


async def last_reject(connection: AsyncConnection) -> int:
    """The highest id among the rejects; 0 where there are none."""
    return int(await fetch_value(connection, LAST_REJECT) or 0)


async def forget_rejects(connection: AsyncConnection, last: int | None = None) -> None:
    """Delete the rejects up to id `last`; all of them where it is None."""
    await write(connection, FORGET_REJECTS, [(await last_reject(connection) if last is None else last,)])


async def hours(connection: AsyncConnection, cells: Touched) -> list[RollupRow]:
    """The tallies of the townships and hours in `cells` as they are now."""
    found = await rows_in(connection, HOURS, "hours", sorted(cells.hours))
    return [row for row in found if row[1] in cells.hours[row[0]]]


async def days(connection: AsyncConnection, cells: Touched, calendar: Calendar) -> list[RollupRow]:
    """The tallies of the windows and days in `cells` as they are now; a day is named by its first minute's number."""
    found: list[RollupRow] = []
    for day, windows in cells.days.items():
        minute = calendar.start(day) // MINUTE_MS
        rows = await rows_in(connection, DAYS, "windows", sorted(windows), day=day)
        found.extend((minute, *row) for row in rows)
    return found


async def settle(connection: AsyncConnection, page: Page, rejects: Sequence[Reject], at: int) -> bool:
    """Say that `page` is in the series but for `rejects`; False, and nothing said, when somebody else was faster."""
    if not await move(connection, page.after, page.until):
        return False
    await reject(connection, rejects, at)
    return True
