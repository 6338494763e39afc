"""A backup back into an empty database, made fit to go on: with versions that nobody has seen, and a series fed anew.

What was rated after the backup is not in it. Gateways and nodes keep what is settled for 30 days and tell so in their
hellos; the restored city's welcome says what it has, and they send the rest again, byte for byte.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.address import SQLITE
from cloud.copy.copier import Copied, Tell, copy
from cloud.copy.source import open_source, revision
from cloud.copy.target import Target
from cloud.database import Database, fetch, open_database, write
from cloud.migrations import HEAD
from cloud.registry import store
from contract.codec import decode_as, encode
from contract.config import NodeConfig

# From the ledger's begin: feeding a point again does no harm, and what the series lost meanwhile comes back too.
FEED_ANEW = "UPDATE series_cursor SET position = 0"


async def restore(file: Path, database: Database, name: str, *, now: int, tell: Tell) -> Copied:
    """Put the backup `file` into the empty `database`, known as `name`, at city time `now` (ms).

    Run again after it was interrupted it goes on. Raises `SettingsError` when there is no such backup or the database
    holds something else, `Unavailable` when either fails.
    """
    async with _readable(file) as url, open_source(url) as source:
        return await copy(
            source, Target(database, name), str(file), tell, furnish=lambda connection: _furnish(connection, now)
        )


@asynccontextmanager
async def _readable(file: Path) -> AsyncIterator[URL]:
    """The backup, or where it is of an older version, an upgraded copy of it: the backup itself stays as it is."""
    url = URL.create(SQLITE, database=str(file))
    found = await revision(url)
    if found is None or found >= HEAD:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="manyi-restore-") as folder:
        upgraded = Path(folder) / file.name
        await asyncio.to_thread(shutil.copyfile, file, upgraded)
        async with await open_database(str(upgraded)):
            pass  # which upgrades it
        yield URL.create(SQLITE, database=str(upgraded))


async def _furnish(connection: AsyncConnection, now: int) -> None:
    """Give roster and set-ups a version above any that a township may have got since the backup, and feed anew."""
    await write(connection, FEED_ANEW)
    version = await store.raise_version(connection, now)
    configs = [
        (node, version, encode(msgspec.structs.replace(decode_as(body.encode(), NodeConfig), version=version)).decode())
        for node, body in await fetch(connection, store.CONFIGS)
    ]
    await write(connection, store.PUT_CONFIG, configs)
