"""How far a copy is: two small tables in the database that is copied into, and only while it is no city yet.

So a copy that was killed goes on, and nobody takes half a copy for a city.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Table, Text, inspect
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.copy.rules import Mark
from cloud.copy.sheet import Key
from cloud.database import fetch, write
from contract.errors import SettingsError

# Not the city's own metadata: a finished city has no such tables.
_metadata = MetaData()
# One row: the source, as people know it, and its mark when the copy last began.
_source = Table(
    "copy_source",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("commits", BigInteger, nullable=False),
)
# How far each table is: the key of the last row copied, as JSON, and how many rows.
_progress = Table(
    "copy_progress",
    _metadata,
    Column("name", Text, primary_key=True),
    Column("key", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
)

SOURCE = "SELECT source, position, commits FROM copy_source WHERE id = 1"

PUT_SOURCE = """
INSERT INTO copy_source (id, source, position, commits) VALUES (1, :source, :position, :commits)
ON CONFLICT (id) DO UPDATE SET position = excluded.position, commits = excluded.commits
"""

PROGRESS = "SELECT name, key, rows FROM copy_progress"

PUT_PROGRESS = """
INSERT INTO copy_progress (name, key, rows) VALUES (:name, :key, :rows)
ON CONFLICT (name) DO UPDATE SET key = excluded.key, rows = excluded.rows
"""

FORGET = "DELETE FROM copy_progress WHERE name = :name"


class Place(NamedTuple):
    """How far a table is copied: the key of the last row, and how many rows."""

    key: Key
    rows: int


class Origin(NamedTuple):
    """What is being copied, as people know it, and how far its ledger was when the copy last began."""

    source: str
    mark: Mark


async def origin(connection: AsyncConnection) -> Origin | None:
    """What is being copied into the database that `connection` sees; None where no copy is under way."""
    if not await connection.run_sync(_is_under_way):
        return None
    source, *mark = (await fetch(connection, SOURCE))[0]
    return Origin(source, Mark(*mark))


async def check_whole(connection: AsyncConnection, name: str) -> None:
    """Raise `SettingsError` when the database that `connection` sees, known as `name`, is half a copy."""
    if (found := await origin(connection)) is not None:
        raise SettingsError(
            f"database {name}: holds an unfinished copy of {found.source}: run the same `manyi db copy` or "
            "`manyi restore` again, which goes on where it was"
        )


async def begin(connection: AsyncConnection, source: str, mark: Mark) -> None:
    """Note that a copy of `source`, which is at `mark`, is under way, whether it was before or not."""
    await connection.run_sync(_metadata.create_all)
    await write(connection, PUT_SOURCE, [(source, *mark)])


async def places(connection: AsyncConnection) -> dict[str, Place]:
    """How far each table is of which anything was copied."""
    found = await fetch(connection, PROGRESS)
    return {name: Place(tuple(msgspec.json.decode(key)), rows) for name, key, rows in found}


async def keep(connection: AsyncConnection, table: str, key: Sequence[object], rows: int) -> None:
    """Note that `table` is copied up to its `key`, which makes so many `rows`."""
    await write(connection, PUT_PROGRESS, [(table, msgspec.json.encode(key).decode(), rows)])


async def forget(connection: AsyncConnection, table: str) -> None:
    """Note that nothing of `table` is copied."""
    await write(connection, FORGET, [(table,)])


async def end(connection: AsyncConnection) -> None:
    """Note that no copy is under way any more."""
    await connection.run_sync(_metadata.drop_all)


def _is_under_way(connection: Connection) -> bool:
    return inspect(connection).has_table(_source.name)
