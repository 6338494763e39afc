"""SQL of appeals."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.appeals.tables  # noqa: F401  (its tables belong to the schema)
from cloud.appeals.appeal import Appeal, State
from cloud.appeals.rules import pattern_of
from cloud.cases.store import tell
from cloud.database import fetch, fetch_value, write

_COLUMNS = """
number, period, edition, unit, kind, reason, filed_by, filed_at, state, answer, decided_by, decided_at, version
"""
HOLD = """
INSERT INTO appeal_head (id, number) VALUES (1, 0)
ON CONFLICT (id) DO UPDATE SET number = appeal_head.number RETURNING number
"""
RAISE = "UPDATE appeal_head SET number = :number WHERE id = 1"
UNIT = "SELECT unit FROM appeal WHERE number = :number"
LOAD = f"SELECT {_COLUMNS} FROM appeal WHERE number = :number"  # noqa: S608  (our own columns, here and below)
PUT = f"""
INSERT INTO appeal ({_COLUMNS})
VALUES (:number, :period, :edition, :unit, :kind, :reason, :filed_by, :filed_at, :state, :answer, :decided_by,
  :decided_at, :version)
"""  # noqa: S608
ALIKE = """
SELECT number FROM appeal WHERE decided_at IS NULL
  AND period = :period AND edition = :edition AND unit = :unit AND kind = :kind
"""
# Of two who decide one appeal at the same time the second finds another version.
CHANGE = """
UPDATE appeal SET state = :state, answer = :answer, decided_by = :decided_by, decided_at = :decided_at,
  version = :version
WHERE number = :number AND version = :before RETURNING number
"""
UNDECIDED = "SELECT count(*) FROM appeal WHERE decided_at IS NULL AND period = :period"
STANDING = """
SELECT state, count(*) FROM appeal WHERE unit LIKE :unit AND (decided_at IS NULL OR filed_at >= :since) GROUP BY state
"""
PAGE = f"SELECT {_COLUMNS} FROM appeal WHERE number < :before AND unit LIKE :unit"  # noqa: S608
IN_STATE = " AND state = :state"
OF_PERIOD = " AND period = :period"
NEWEST_FIRST = " ORDER BY number DESC LIMIT :limit"
NEWEST = 1 << 53


class Asked(NamedTuple):
    """Which appeals: of the units of `place`, in `state` and of `period` where these are not empty."""

    place: str
    state: State | None = None
    period: str = ""
    before: int = NEWEST


async def hold(connection: AsyncConnection) -> int:
    """Let nobody else file or publish until the commit; the number of the newest appeal, 0: there is none."""
    return int(await fetch_value(connection, HOLD))


async def put(connection: AsyncConnection, appeal: Appeal) -> None:
    """Write down a new appeal, whose number follows the one that `hold` gave."""
    await write(connection, RAISE, [(appeal.number,)])
    await write(connection, PUT, [tuple(appeal)])
    await tell(connection)


async def alike(connection: AsyncConnection, appeal: Appeal) -> int | None:
    """The number of an undecided appeal of the same unit, kind and edition; None where there is none."""
    found: int | None = await fetch_value(connection, ALIKE, (appeal.period, appeal.edition, appeal.unit, appeal.kind))
    return found


async def change(connection: AsyncConnection, before: Appeal, after: Appeal) -> bool:
    """Put `after` in place of `before`; False where somebody else has changed it meanwhile."""
    values = (after.state, after.answer, after.decided_by, after.decided_at, after.version)
    if await fetch_value(connection, CHANGE, (*values, after.number, before.version)) is None:
        return False
    await tell(connection)
    return True


async def unit_of(connection: AsyncConnection, number: int) -> str | None:
    """The unit that appeal `number` is about; None where there is none."""
    found: str | None = await fetch_value(connection, UNIT, (number,))
    return found


async def load(connection: AsyncConnection, number: int) -> Appeal | None:
    """The appeal of this number."""
    found = await fetch(connection, LOAD, (number,))
    return _appeal(found[0]) if found else None


async def page(connection: AsyncConnection, asked: Asked, limit: int) -> list[Appeal]:
    """Up to `limit` of the appeals that are `asked` for, the newest first."""
    sql = PAGE
    values: list[object] = [asked.before, pattern_of(asked.place)]
    if asked.state is not None:
        sql += IN_STATE
        values.append(asked.state)
    if asked.period:
        sql += OF_PERIOD
        values.append(asked.period)
    return [_appeal(row) for row in await fetch(connection, sql + NEWEST_FIRST, (*values, limit))]


async def undecided(connection: AsyncConnection, period: str) -> int:
    """How many appeals of `period`, whichever edition they are against, nobody has decided."""
    return int(await fetch_value(connection, UNDECIDED, (period,)))


async def standing(connection: AsyncConnection, place: str, since: int) -> dict[State, int]:
    """How many appeals of `place` are undecided, and how those filed since `since` (ms) have ended."""
    found = await fetch(connection, STANDING, (pattern_of(place), since))
    return {state: int(count) for state, count in found}


def _appeal(row: Sequence[Any]) -> Appeal:
    return Appeal(*row)
