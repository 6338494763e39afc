"""The database that is copied into: pages with how far they reach, in one transaction each.

Two small tables say how far a copy is; they are in the target only and only while it runs. So a copy that was killed
goes on, and a city does not start on half a copy.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Table, Text, inspect
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.copy.rules import SEEDED, Mark, goes_on
from cloud.copy.sheet import Key, Row, Sheet
from cloud.database import Database, fetch, fetch_value, write
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

# The sequence, if any, that gives the numbers of a table of PostgreSQL; where it is to go on.
SEQUENCE = "SELECT pg_get_serial_sequence(:name, :column)"
CONTINUE = "SELECT setval(CAST(CAST(:sequence AS text) AS regclass), :last)"

Furnish = Callable[[AsyncConnection], Awaitable[None]]


class Place(NamedTuple):
    """How far a table is copied: the key of the last row, and how many rows."""

    key: Key
    rows: int


class Target:
    """One database to copy into; nobody else uses it meanwhile."""

    def __init__(self, database: Database, name: str) -> None:
        """Copy into `database`, which people know as `name`."""
        self.database = database
        self._name = name

    async def begin(self, source: str, mark: Mark, sheets: Sequence[Sheet]) -> dict[str, Place]:
        """Make ready for a copy of `source`, which is at `mark`; how far an interrupted one came, by table.

        Raises `SettingsError` when the database holds something else.
        """
        async with self.database.writer.begin() as connection:
            if not await connection.run_sync(_is_unfinished):
                await self._check_empty(connection, sheets)
                await connection.run_sync(_metadata.create_all)
                before = mark
            else:
                known, *rest = (await fetch(connection, SOURCE))[0]
                if known != source:
                    raise SettingsError(
                        f"database {self._name}: holds an unfinished copy of {known}: finish that one, or give an "
                        "empty database"
                    )
                before = Mark(*rest)
            await write(connection, PUT_SOURCE, [(source, *mark)])
            for sheet in sheets:
                if not goes_on(sheet.name, before, mark):
                    await _clear(connection, sheet)
            found = await fetch(connection, PROGRESS)
        return {name: Place(tuple(msgspec.json.decode(key)), rows) for name, key, rows in found}

    async def _check_empty(self, connection: AsyncConnection, sheets: Iterable[Sheet]) -> None:
        for sheet in sheets:
            if sheet.name not in SEEDED and await fetch_value(connection, sheet.any) is not None:
                raise SettingsError(
                    f"database {self._name}: is not empty ({sheet.name} has rows), and nothing is ever overwritten: "
                    "give a new database or file, or move this one away first"
                )

    async def put(self, sheet: Sheet, rows: Sequence[Row], total: int) -> None:
        """Insert the next rows of a table, which then has `total` of them, and keep how far it is."""
        async with self.database.writer.begin() as connection:
            # First, since it is also what begins the transaction; the driver's own COPY would not.
            key = msgspec.json.encode(sheet.key_of(rows[-1])).decode()
            await write(connection, PUT_PROGRESS, [(sheet.name, key, total)])
            if connection.dialect.name == "postgresql":
                driver = (await connection.get_raw_connection()).driver_connection
                assert driver is not None  # noqa: S101  (the connection is open)
                await driver.copy_records_to_table(sheet.name, records=rows, columns=sheet.columns)
            else:
                await write(connection, sheet.insert, rows)

    async def clear(self, sheet: Sheet) -> None:
        """Take out what was copied of a table, so that a copy that is begun again copies it anew."""
        async with self.database.writer.begin() as connection:
            await _clear(connection, sheet)

    async def finish(self, sheets: Iterable[Sheet], furnish: Furnish) -> None:
        """Make a city of it: numbers go on behind those that were copied, and no copy is under way any more.

        What `furnish` still does to it is in the same transaction.
        """
        async with self.database.writer.begin() as connection:
            await furnish(connection)
            if connection.dialect.name == "postgresql":
                for sheet in sheets:
                    await _continue_numbers(connection, sheet)
            await connection.run_sync(_metadata.drop_all)


async def check_finished(database: Database, name: str) -> None:
    """Raise `SettingsError` when `database`, known as `name`, is half a copy."""
    async with database.reader.connect() as connection:
        if await connection.run_sync(_is_unfinished):
            source = await fetch_value(connection, SOURCE)
            raise SettingsError(
                f"database {name}: holds an unfinished copy of {source}: run the same `manyi db copy` or "
                "`manyi restore` again, which goes on where it was"
            )


def _is_unfinished(connection: Connection) -> bool:
    return inspect(connection).has_table(_source.name)


async def _clear(connection: AsyncConnection, sheet: Sheet) -> None:
    await write(connection, sheet.clear)
    await write(connection, FORGET, [(sheet.name,)])


async def _continue_numbers(connection: AsyncConnection, sheet: Sheet) -> None:
    """Have PostgreSQL give higher numbers than those that were copied."""
    if len(sheet.key) > 1:
        return
    column = sheet.columns[sheet.key[0]]
    sequence = await fetch_value(connection, SEQUENCE, (f'"{sheet.name}"', column))
    last = await fetch_value(connection, f'SELECT max("{column}") FROM "{sheet.name}"')  # noqa: S608  (names from the schema)
    if sequence is not None and last is not None:
        await fetch_value(connection, CONTINUE, (sequence, last))
