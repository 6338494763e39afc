"""SQL of staged updates."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.updates.tables  # noqa: F401  (its tables belong to the schema)
from cloud.configs.rules import Timing
from cloud.database import fetch, fetch_value, write
from cloud.updates.rules import Member, Update

_FIELDS = """
number, at, who, place, settle_ms, cooldown_ms, patience_ms, limit_ms, reason, state, stage, stage_at, steps
"""
ONE = f"SELECT {_FIELDS} FROM staged_update WHERE number = :number"  # noqa: S608  (our own columns)
PAGE = f"""
SELECT {_FIELDS} FROM staged_update WHERE number < :before ORDER BY number DESC LIMIT :limit
"""  # noqa: S608
# Few at any time: of one place there is one.
UNFINISHED = f"""
SELECT {_FIELDS} FROM staged_update WHERE state IN ('running', 'stopped') ORDER BY number
"""  # noqa: S608
LAST = "SELECT max(number) FROM staged_update"
MEMBERS = """
SELECT node, stage, version, before, taken_at, excused FROM staged_update_node
WHERE number = :number ORDER BY stage, node
"""

ADD = """
INSERT INTO staged_update (number, at, who, place, settle_ms, cooldown_ms, patience_ms, limit_ms, reason,
                           state, stage, stage_at, steps)
VALUES (:number, :at, :who, :place, :settle_ms, :cooldown_ms, :patience_ms, :limit_ms, :reason,
        :state, :stage, :stage_at, :steps)
"""
CHANGE = """
UPDATE staged_update SET state = :state, stage = :stage, stage_at = :stage_at, steps = steps + 1
WHERE number = :number AND steps = :steps RETURNING steps
"""
PUT_MEMBER = """
INSERT INTO staged_update_node (number, node, stage, version, before, taken_at, excused)
VALUES (:number, :node, :stage, :version, :before, :taken_at, :excused)
ON CONFLICT (number, node) DO UPDATE SET version = excluded.version, before = excluded.before,
    taken_at = excluded.taken_at, excused = excluded.excused
"""
NEWEST = 1 << 53


async def one(connection: AsyncConnection, number: int) -> Update | None:
    """The update of this number; None where there is none."""
    rows = await fetch(connection, ONE, (number,))
    return _update(rows[0]) if rows else None


async def page(connection: AsyncConnection, before: int, limit: int) -> list[Update]:
    """Up to `limit` updates numbered below `before`, the newest first."""
    return [_update(row) for row in await fetch(connection, PAGE, (before, limit))]


async def unfinished(connection: AsyncConnection) -> list[Update]:
    """Those that run or wait for a person."""
    return [_update(row) for row in await fetch(connection, UNFINISHED)]


async def next_number(connection: AsyncConnection) -> int:
    """The number of the next update."""
    return int(await fetch_value(connection, LAST) or 0) + 1


async def members(connection: AsyncConnection, number: int) -> list[Member]:
    """The nodes of an update, by stage and name."""
    return [
        Member(node, int(stage), version, before, taken_at, bool(excused))
        for node, stage, version, before, taken_at, excused in await fetch(connection, MEMBERS, (number,))
    ]


async def add(connection: AsyncConnection, update: Update, nodes: Iterable[Member]) -> None:
    """Write down a new update with its nodes."""
    number, at, who, place, timing, *rest = update
    await write(connection, ADD, [(number, at, who, place, *timing, *rest)])
    await put(connection, update, nodes)


async def change(connection: AsyncConnection, update: Update) -> bool:
    """Write down how `update` stands; False, and nothing is written, where it was changed since it was read."""
    values = (update.state, update.stage, update.stage_at, update.number, update.steps)
    return bool(await fetch(connection, CHANGE, values))


async def put(connection: AsyncConnection, update: Update, nodes: Iterable[Member]) -> None:
    """Write down how these `nodes` of an update stand."""
    await write(connection, PUT_MEMBER, [(update.number, *one[:5], int(one.excused)) for one in nodes])


def _update(row: Sequence[Any]) -> Update:
    number, at, who, place, settle_ms, cooldown_ms, *rest = row
    return Update(number, at, who, place, Timing(settle_ms, cooldown_ms), *rest)
