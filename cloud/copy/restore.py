"""A backup on its way back, made fit to go on: with versions that nobody has seen, and a series fed anew.

What was rated after the backup is not in it. Gateways and nodes keep what is settled for 30 days and tell so in their
hellos; the restored city's welcome says what it has, and they send the rest again, byte for byte.
"""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.address import SQLITE
from cloud.configs import store as configs
from cloud.copy.clone import clone
from cloud.copy.copier import Tell
from cloud.copy.look import revision_of_city
from cloud.copy.source import open_source
from cloud.database import fetch, open_database, write
from cloud.migrations import HEAD
from cloud.registry import store
from contract.codec import decode_as
from contract.config import NodeConfig
from contract.errors import Unavailable

# From the ledger's begin: feeding a point again does no harm, and what the series lost meanwhile comes back too.
FEED_ANEW = "UPDATE series_cursor SET position = 0"


@asynccontextmanager
async def open_backup(file: Path, tell: Tell) -> AsyncIterator[AsyncConnection]:
    """Open the backup `file`, or where it is of an older version an upgraded copy of it; the file stays as it is.

    Raises `SettingsError` when there is no whole city in it, `Unavailable` when there is no room for that copy.
    """
    url = URL.create(SQLITE, database=str(file))
    if await revision_of_city(url) == HEAD:
        async with open_source(url) as source:
            yield source
        return
    with tempfile.TemporaryDirectory(prefix="manyi-restore-") as folder:
        upgraded = Path(folder) / file.name
        try:
            await clone(file, upgraded, lambda done, of: tell("upgrade", done, of))
        except Unavailable as bad:
            raise Unavailable(f"{bad}; TMPDIR names a folder with room for an upgraded copy of the backup") from bad
        async with await open_database(str(upgraded)):
            pass  # which upgrades it
        async with open_source(url.set(database=str(upgraded))) as source:
            yield source


async def make_fit(connection: AsyncConnection, now: int) -> None:
    """Give roster and set-ups a version above any that a township may have got since the backup, and feed anew.

    `now` is the city's time in ms.
    """
    await write(connection, FEED_ANEW)
    version = await store.raise_version(connection, now)
    anew = [
        msgspec.structs.replace(decode_as(body.encode(), NodeConfig), version=version)
        for _, body, _, _ in await fetch(connection, configs.IN_FORCE)
    ]
    await configs.give(connection, anew, at=now, who="system", reason="restored from a backup")
