"""The database that is copied into: pages with how far they reach, in one transaction each."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.copy import progress
from cloud.copy.progress import Place
from cloud.copy.rules import SEEDED, Mark, goes_on
from cloud.copy.sheet import Row, Sheet, sheets
from cloud.database import Database, fetch_value, write
from contract.errors import SettingsError

# Held by the writer's session, so that it ends with whoever copies. A number of our own kind, as in
# `cloud.ingest.charge`, so that other users of the server don't meet.
TAKE = "SELECT pg_try_advisory_lock(:kind, :duty)"
_COPYING = (0x4D59_0003, 1)
# PostgreSQL learns of a copy that was killed only when it next speaks to it, so the next one waits a little.
LOOKS = 20
LOOK_S = 0.5

# The sequence, if any, that gives the numbers of a table of PostgreSQL; where it is to go on.
SEQUENCE = "SELECT pg_get_serial_sequence(:name, :column)"
CONTINUE = "SELECT setval(CAST(CAST(:sequence AS text) AS regclass), :last)"

Furnish = Callable[[AsyncConnection], Awaitable[None]]


async def as_it_is(_: AsyncConnection) -> None:
    """Furnish nothing: the copy is what its source was."""


class Target:
    """One database to copy into; nobody else uses it meanwhile, which PostgreSQL makes sure of."""

    def __init__(self, database: Database, name: str) -> None:
        """Copy into `database`, which people know as `name`."""
        self.database = database
        self._name = name

    async def begin(self, source: str, mark: Mark, every: Sequence[Sheet]) -> dict[str, Place]:
        """Make ready for a copy of `source`, which is at `mark`; how far an interrupted one came, by table.

        Raises `SettingsError` when the database holds something else, or another copy is at work on it.
        """
        if self.database.shared:
            await self._take()
        async with self.database.writer.begin() as connection:
            under_way = await progress.origin(connection)
            if under_way is None:
                await self._check_empty(connection, every)
            elif under_way.source != source:
                raise SettingsError(
                    f"database {self._name}: holds an unfinished copy of {under_way.source}: finish that one, or give "
                    "an empty database"
                )
            await progress.begin(connection, source, mark)
            for sheet in every:
                if not goes_on(sheet.name, under_way.mark if under_way else mark, mark):
                    await _clear(connection, sheet)
            return await progress.places(connection)

    async def _take(self) -> None:
        """Take the lock that only one copy has; it goes with the writer's session."""
        for _ in range(LOOKS):
            async with self.database.writer.begin() as connection:
                if await fetch_value(connection, TAKE, _COPYING):
                    return
            await asyncio.sleep(LOOK_S)
        raise SettingsError(f"database {self._name}: another copy or restore is at work on it: wait until it has ended")

    async def _check_empty(self, connection: AsyncConnection, every: Iterable[Sheet]) -> None:
        for sheet in every:
            if sheet.name not in SEEDED and await fetch_value(connection, sheet.any) is not None:
                raise SettingsError(
                    f"database {self._name}: is not empty ({sheet.name} has rows), and nothing is ever overwritten: "
                    "give a new database or file, or move this one away first"
                )

    async def put(self, sheet: Sheet, rows: Sequence[Row], total: int) -> None:
        """Insert the next rows of a table, which then has `total` of them, and keep how far it is."""
        async with self.database.writer.begin() as connection:
            # First, since it is also what begins the transaction; the driver's own COPY would not.
            await progress.keep(connection, sheet.name, sheet.key_of(rows[-1]), total)
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

    async def finish(self, furnish: Furnish = as_it_is) -> None:
        """Make a city of it: numbers go on behind those that were copied, and no copy is under way any more.

        What `furnish` still does to it is in the same transaction.
        """
        async with self.database.writer.begin() as connection:
            await furnish(connection)
            if connection.dialect.name == "postgresql":
                for sheet in sheets():
                    await _continue_numbers(connection, sheet)
            await progress.end(connection)


async def check_finished(database: Database, name: str) -> None:
    """Raise `SettingsError` when `database`, known as `name`, is half a copy."""
    async with database.reader.connect() as connection:
        await progress.check_whole(connection, name)


async def _clear(connection: AsyncConnection, sheet: Sheet) -> None:
    await write(connection, sheet.clear)
    await progress.forget(connection, sheet.name)


async def _continue_numbers(connection: AsyncConnection, sheet: Sheet) -> None:
    """Have PostgreSQL give higher numbers than those that were copied."""
    if len(sheet.key) > 1:
        return
    column = sheet.columns[sheet.key[0]]
    sequence = await fetch_value(connection, SEQUENCE, (f'"{sheet.name}"', column))
    last = await fetch_value(connection, f'SELECT max("{column}") FROM "{sheet.name}"')  # noqa: S608  (names from the schema)
    if sequence is not None and last is not None:
        await fetch_value(connection, CONTINUE, (sequence, last))
