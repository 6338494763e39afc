"""The database that is copied: one moment of it, read only."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.address import SQLITE, shown
from cloud.copy.rules import Mark
from cloud.database import fetch, unavailable
from cloud.engines import postgresql_engines, sqlite_looker
from cloud.migrations import HEAD, revision_of
from contract.errors import SettingsError, Unavailable

MARK = "SELECT position, commits FROM ledger_head WHERE id = 1"


@asynccontextmanager
async def open_source(url: URL) -> AsyncIterator[AsyncConnection]:
    """Open the database at `url` and see it as it is now, however long that takes; nothing of it is changed.

    Raises `SettingsError` when it cannot be read, or has another schema than this program's.
    """
    async with _opened(url) as (connection, found):
        if found != HEAD:
            raise SettingsError(f"database {shown(url)}: {_misfit(found)}")
        yield connection


async def revision(url: URL) -> str | None:
    """The revision of the schema at `url`, None where there is no city; raises `SettingsError` as `open_source`."""
    async with _opened(url) as (_, found):
        return found


@asynccontextmanager
async def _opened(url: URL) -> AsyncIterator[tuple[AsyncConnection, str | None]]:
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


async def mark(connection: AsyncConnection) -> Mark:
    """How far the ledger is that `connection` sees."""
    found = await fetch(connection, MARK)
    return Mark(*found[0]) if found else Mark(0, 0)


async def _engine(url: URL) -> AsyncEngine:
    if url.drivername == SQLITE:
        return await asyncio.to_thread(sqlite_looker, url)
    writer, reader = postgresql_engines(url, tenured=False)
    await writer.dispose()
    return reader


def _misfit(found: str | None) -> str:
    if found is None:
        return "there is no city in it"
    if found > HEAD:
        return f"its schema is {found}, newer than this program's {HEAD}: use the newer program"
    return f"its schema is {found} and this program needs {HEAD}: run `manyi db upgrade` on it first"
