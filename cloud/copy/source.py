"""The database that is copied: one moment of it, read only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.address import SQLITE, shown
from cloud.copy.look import check_city, looking
from cloud.copy.rules import Mark
from cloud.database import fetch
from cloud.migrations import HEAD
from contract.errors import SettingsError

MARK = "SELECT position, commits FROM ledger_head WHERE id = 1"


@asynccontextmanager
async def open_source(url: URL) -> AsyncIterator[AsyncConnection]:
    """Open the database at `url` and see it as it is now, however long that takes; nothing of it is changed.

    Raises `SettingsError` when it cannot be read, has another schema than this program's, or is half a copy.
    """
    async with looking(url) as (connection, found):
        if await check_city(connection, found, url) != HEAD:
            # There is no way back from an upgrade but a backup, which on a server only the older program can make.
            first = "`manyi backup` it" if url.drivername == SQLITE else "back it up with the program that made that"
            raise SettingsError(
                f"database {shown(url)}: its schema is {found} and this program needs {HEAD}: {first}, then run "
                "`manyi db upgrade`"
            )
        yield connection


async def mark(connection: AsyncConnection) -> Mark:
    """How far the ledger is that `connection` sees."""
    found = await fetch(connection, MARK)
    return Mark(*found[0]) if found else Mark(0, 0)
