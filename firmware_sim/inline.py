"""An outbox that commits on the loop itself: a simulation has thousands of them, and a thread each is too many."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import cast

import aiosqlite

from transport.disk import RESERVE_BYTES, Disk
from transport.outbox import Outbox


class Inline:
    """What `Disk` uses of an aiosqlite connection, without its thread: each call blocks for as long as SQLite takes."""

    def __init__(self, path: Path) -> None:
        """Open `path`, which an outbox was made in before."""
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA cache_size = -64")

    async def execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Carry out one statement."""
        return self._connection.execute(statement, values)

    async def executemany(self, statement: str, values: Iterable[Sequence[object]]) -> sqlite3.Cursor:
        """Carry out one statement for each of `values`."""
        return self._connection.executemany(statement, values)

    async def executescript(self, script: str) -> sqlite3.Cursor:
        """Carry out several statements."""
        return self._connection.executescript(script)

    async def execute_fetchall(self, statement: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        return self._connection.execute(statement, values).fetchall()

    def fill(self, pages: bytes) -> None:
        """Be a database of these `pages`."""
        self._connection.deserialize(pages)

    async def close(self) -> None:
        """Close the file."""
        self._connection.close()


async def open_outbox(path: Path) -> Outbox:
    """Open or make the outbox at `path` as a node does, then use it without a thread."""
    await (await Outbox.open(path)).close()
    return await _load(path, Inline(path))


async def new_outbox_in_memory(folder: Path) -> Outbox:
    """Make an outbox that no disk holds, in pages so small that ten thousand fit; `folder` tells what room there is."""
    inline = Inline(Path(":memory:"))
    inline.fill(_new_outbox())
    return await _load(folder, inline)


@cache
def _new_outbox() -> bytes:
    """Return the pages of an outbox without anything in it; making them takes longer than copying them."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(f"PRAGMA page_size = 512; {Outbox.schema}")
        return connection.serialize()


async def _load(path: Path, inline: Inline) -> Outbox:
    outbox = Outbox(Disk(path, cast("aiosqlite.Connection", inline), RESERVE_BYTES))
    await outbox._load()  # noqa: SLF001  (what `open` does after opening the disk)
    return outbox
