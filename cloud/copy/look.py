"""Looking at a database before anything is done with it: its schema, and whether a whole city is in it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, inspect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.address import SQLITE, shown
from cloud.copy.progress import check_whole
from cloud.database import unavailable
from cloud.engines import postgresql_engines, sqlite_looker
from cloud.migrations import HEAD, beyond, revision_of
from contract.errors import SettingsError, Unavailable


async def revision_of_city(url: URL) -> str:
    """The revision of the whole city at `url`, this program's or an older one.

    Raises `SettingsError` when there is none, or none that this program can read, or half a copy.
    """
    async with looking(url) as (connection, found):
        return await check_city(connection, found, url)


async def check_city(connection: AsyncConnection, found: str | None, url: URL) -> str:
    """The revision `found` at `url`, where `connection` sees a whole city; raises as `revision_of_city`."""
    if found is None:
        raise SettingsError(f"database {shown(url)}: there is no city in it")
    if found > HEAD:
        raise SettingsError(f"database {shown(url)}: {beyond(found)}")
    await check_whole(connection, shown(url))
    return found


async def free_revision(url: URL) -> str | None:
    """The revision at `url`, which is to be copied into: this program's, or None where no table is at all.

    Raises `SettingsError` where there are other tables. Of a file that is not there yet the revision is None.
    """
    if url.drivername == SQLITE and not await asyncio.to_thread(Path(url.database or "").exists):
        return None
    async with looking(url) as (connection, found):
        if found == HEAD:
            return found
        tables = await connection.run_sync(_tables)
        if found is None and not tables:
            return None
    what = f"there is a table {tables[0]}" if found is None else f"its schema is {found}"
    raise SettingsError(
        f"database {shown(url)}: is not empty ({what}), and what is somebody else's is left alone: give a new database "
        "or file"
    )


@asynccontextmanager
async def looking(url: URL) -> AsyncIterator[tuple[AsyncConnection, str | None]]:
    """Connect to the database at `url`, see it as it is now and change nothing; its revision as `revision_of` has it.

    Raises `SettingsError` when it cannot be read.
    """
    if url.drivername == SQLITE and not await asyncio.to_thread(Path(url.database or "").is_file):
        raise SettingsError(f"database {shown(url)}: there is no such file")
    async with AsyncExitStack() as stack:
        try:
            with unavailable():
                engine = await _engine(url)
                stack.push_async_callback(engine.dispose)
                connection = await stack.enter_async_context(engine.connect())
                await stack.enter_async_context(connection.begin())
                found = await connection.run_sync(revision_of)
        except Unavailable as bad:
            raise SettingsError(f"{shown(url)} cannot be read: {bad}") from bad
        yield connection, found


async def _engine(url: URL) -> AsyncEngine:
    if url.drivername == SQLITE:
        return await asyncio.to_thread(sqlite_looker, url)
    writer, reader = postgresql_engines(url)
    await writer.dispose()
    return reader


def _tables(connection: Connection) -> list[str]:
    return inspect(connection).get_table_names()
