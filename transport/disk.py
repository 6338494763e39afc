"""A SQLite file of a node or a gateway: WAL, synchronous=FULL, a reserve of free space, errors named by the remedy.

`synchronous=FULL` makes a commit mean that the bytes were handed to the disk: NORMAL may lose the last commits in a
power cut. One commit takes 0.1 ms on a server's disk and 5 to 50 ms on an SD card.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from time import perf_counter
from typing import Self, cast

import aiosqlite

from contract.errors import StoreDamaged, StoreFull
from transport import sums, wal
from transport.histogram import Histogram

RESERVE_BYTES = 32 * 1024 * 1024
_DAMAGED = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CORRUPT_INDEX", "SQLITE_CORRUPT_VTAB"})

# What SQLite keeps beside a database, and itself last: while that is there, the rest is not all.
TAILS = ("-wal", "-shm", "")

Values = Sequence[object] | Mapping[str, object]

# auto_vacuum, which must come first, lets pruning give room back to the disk.
_PRAGMAS = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA cache_size = -512;
"""


class Disk:
    """One connection, one writer; its statements run in a thread of their own. `commits` times what was committed."""

    def __init__(self, path: Path, connection: aiosqlite.Connection, reserve: int) -> None:
        """Use `open`."""
        self.path = path
        self.commits = Histogram()
        self._connection = connection
        self._reserve = reserve
        self._lock = asyncio.Lock()
        self._failed = False
        self._room = 0

    @classmethod
    async def open(cls, path: Path, schema: str, *, reserve: int = RESERVE_BYTES) -> Self:
        """Open or make `path`; `StoreDamaged` when it is no sound database, `StoreFull` when it cannot be made."""
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and wal.damaged(await asyncio.to_thread(log.read_bytes)):
            raise StoreDamaged(f"{log}: synced commits in it are damaged")
        connection = aiosqlite.connect(path, isolation_level=None)
        try:
            await connection
        except sqlite3.Error as failed:
            # Its thread ends by itself, but nobody waits for it; it must not outlive the loop.
            await asyncio.to_thread(connection._thread.join)  # noqa: SLF001
            raise _named(path, failed) from failed
        disk = cls(path, connection, reserve)
        try:
            await connection.create_function("row_sum", -1, sums.of_row, deterministic=True)
            await connection.executescript(_PRAGMAS + schema)
            await disk._check()
        except sqlite3.Error as failed:
            await connection.close()
            raise _named(path, failed) from failed
        except BaseException:
            await connection.close()
            raise
        return disk

    async def _check(self) -> None:
        said = [row[0] for row in await rows(self._connection, "PRAGMA quick_check(1)")]
        if said != ["ok"]:
            raise StoreDamaged(": ".join([str(self.path), *said]))

    async def close(self) -> None:
        """Finish what is queued and close."""
        await self._connection.close()

    @property
    def full(self) -> bool:
        """Whether it takes no ratings: no room beyond the reserve, or what was written last did not get there."""
        return self._failed or not self.free()

    async def probe(self) -> None:
        """Where a write failed, see whether the disk takes one again: nobody else may come to write."""
        if self._failed:
            with suppress(StoreFull):
                await self.write("PRAGMA user_version = 0")

    def free(self) -> int:
        """Bytes that ordinary writes may still take on this disk, beyond the reserve; 0 when full.

        As it last was where the disk does not even say that: what is written there tells the rest.
        """
        with suppress(OSError):
            room = os.statvfs(self.path.parent)
            self._room = max(0, room.f_bavail * room.f_frsize - self._reserve)
        return self._room

    def require_room(self) -> None:
        """Raise `StoreFull` when only the reserve is left; acks and pruning may still use that."""
        if not self.free():
            raise StoreFull(f"{self.path}: less than {self._reserve} bytes free; make room on this disk")

    async def reclaim(self) -> None:
        """Give what was deleted back to the disk."""
        async with self._lock:
            try:
                # As a script: executed as a statement it frees one page and stops.
                await self._connection.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);")
            except sqlite3.Error as failed:
                raise _named(self.path, failed) from failed

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """All statements inside are one commit, or none of them happened.

        Cancelled in the middle, either may be true, and no transaction is left open: a statement that was handed to the
        connection's thread is carried out there, and the ROLLBACK behind it finds what there is to undo.
        """
        async with self._lock:
            begun = perf_counter()
            try:
                await self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                await self._connection.execute("COMMIT")
                self._committed(begun)
            except sqlite3.Error as failed:
                await self._undo()
                raise self._refused(failed) from failed
            except BaseException:
                await self._undo()
                raise

    async def write(self, statement: str, values: Sequence[object] = ()) -> None:
        """One statement, one commit."""
        async with self._lock:
            begun = perf_counter()
            try:
                await self._connection.execute(statement, values)
                self._committed(begun)
            except sqlite3.Error as failed:
                raise self._refused(failed) from failed

    def _committed(self, begun: float) -> None:
        self._failed = False
        self.commits.add(perf_counter() - begun)

    def _refused(self, failed: sqlite3.Error) -> Exception:
        """What `failed` is called; a disk that does not take what is written is full, whatever room it says it has."""
        named = _named(self.path, failed)
        self._failed = self._failed or isinstance(named, StoreFull)
        return named

    async def read(self, statement: str, values: Values = ()) -> list[sqlite3.Row]:
        """All rows of a query, of what is committed: it waits for a transaction under way."""
        async with self._lock:
            try:
                return await rows(self._connection, statement, values)
            except sqlite3.Error as failed:
                raise _named(self.path, failed) from failed

    async def _undo(self) -> None:
        with suppress(sqlite3.OperationalError):
            # "No transaction is active" where BEGIN failed or COMMIT had been carried out.
            await self._connection.execute("ROLLBACK")


async def rows(connection: aiosqlite.Connection, statement: str, values: Values = ()) -> list[sqlite3.Row]:
    """All rows of a query inside a transaction."""
    return list(await connection.execute_fetchall(statement, cast("Iterable[object]", values)))


def look(path: Path, statement: str, values: Values = ()) -> list[sqlite3.Row]:
    """All rows of a query on a store that another process may have open; `StoreFull` or `StoreDamaged` otherwise."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as looking:
            return looking.execute(statement, cast("Sequence[str]", values)).fetchall()
    except sqlite3.Error as failed:
        raise _named(path, failed) from failed


def _named(path: Path, failed: sqlite3.Error) -> Exception:
    code = getattr(failed, "sqlite_errorname", "")
    if code in _DAMAGED:
        return StoreDamaged(f"{path}: {failed}")
    if isinstance(failed, sqlite3.OperationalError):
        return StoreFull(f"{path}: cannot be used: {failed} ({code})")
    # A broken constraint, a wrong statement: nothing that room on the disk would mend.
    return failed


def marks(values: Iterable[object]) -> str:
    """Question marks for an IN list."""
    return ",".join("?" for _ in values)


def set_aside(path: Path) -> Path:
    """Rename a database and what SQLite keeps beside it; return its new name, under which nothing was before."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for tail in TAILS:
        part = path.with_name(path.name + tail)
        if part.exists():
            part.rename(aside.with_name(aside.name + tail))
    return aside
