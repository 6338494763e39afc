"""A SQLite file of a node or a gateway: WAL, synchronous=FULL, a reserve of free space, errors named by the remedy.

`synchronous=FULL` makes a commit mean that the bytes were handed to the disk: NORMAL may lose the last commits in a
power cut. One commit takes 0.1 ms on a server's disk and 5 to 50 ms on an SD card.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self, cast

import aiosqlite

from contract.errors import ManyiError, StoreDamaged, StoreFull

RESERVE_BYTES = 32 * 1024 * 1024
_DAMAGED = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CORRUPT_INDEX", "SQLITE_CORRUPT_VTAB"})

_PRAGMAS = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA cache_size = -512;
"""


class Disk:
    """One connection, one writer; its statements run in a thread of their own."""

    def __init__(self, path: Path, connection: aiosqlite.Connection, reserve: int) -> None:
        """Use `open`."""
        self.path = path
        self._connection = connection
        self._reserve = reserve
        self._lock = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path, schema: str, *, reserve: int = RESERVE_BYTES) -> Self:
        """Open or make `path`; `StoreDamaged` when it is no sound database, `StoreFull` when it cannot be made."""
        connection = await aiosqlite.connect(path, isolation_level=None)
        disk = cls(path, connection, reserve)
        try:
            await connection.executescript(_PRAGMAS + schema)
            await disk._check()
        except sqlite3.Error as failed:
            await connection.close()
            raise disk._named(failed) from failed
        except BaseException:
            await connection.close()
            raise
        return disk

    async def _check(self) -> None:
        async with self._connection.execute("PRAGMA quick_check(1)") as cursor:
            row = await cursor.fetchone()
        if row is None or row[0] != "ok":
            raise StoreDamaged(f"{self.path}: {row[0] if row else 'no answer to quick_check'}")

    async def close(self) -> None:
        """Finish what is queued and close."""
        await self._connection.close()

    def free(self) -> int:
        """Bytes that ordinary writes may still take on this disk, beyond the reserve; 0 when full."""
        room = os.statvfs(self.path.parent)
        return max(0, room.f_bavail * room.f_frsize - self._reserve)

    def require_room(self) -> None:
        """Raise `StoreFull` when only the reserve is left; acks and pruning may still use that."""
        if not self.free():
            raise StoreFull(f"{self.path}: less than {self._reserve} bytes free; make room on this disk")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """All statements inside are one commit, or none of them happened."""
        async with self._lock:
            try:
                await self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                await self._connection.execute("COMMIT")
            except sqlite3.Error as failed:
                await self._undo()
                raise self._named(failed) from failed
            except BaseException:
                await self._undo()
                raise

    async def write(self, statement: str, values: Sequence[object] = ()) -> None:
        """One statement, one commit."""
        async with self._lock:
            try:
                await self._connection.execute(statement, values)
            except sqlite3.Error as failed:
                raise self._named(failed) from failed

    async def read(self, statement: str, values: Sequence[object] | Mapping[str, object] = ()) -> list[sqlite3.Row]:
        """All rows of a query."""
        try:
            return list(await self._connection.execute_fetchall(statement, cast("Iterable[object]", values)))
        except sqlite3.Error as failed:
            raise self._named(failed) from failed

    async def _undo(self) -> None:
        if self._connection.in_transaction:
            await self._connection.execute("ROLLBACK")

    def _named(self, failed: sqlite3.Error) -> ManyiError:
        code = getattr(failed, "sqlite_errorname", "")
        if code in _DAMAGED:
            return StoreDamaged(f"{self.path}: {failed}")
        return StoreFull(f"{self.path}: cannot write: {failed} ({code})")


def marks(values: Iterable[object]) -> str:
    """Question marks for an IN list."""
    return ",".join("?" for _ in values)
