"""A disk in the model: an SQLite database in memory that outlives the processes, and the handle that one of them has.

Before each statement the others have their turn, so a crash can fall between any two. A fuse makes it fall at a chosen
one. What is committed stays; what is not goes with the process.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

import aiosqlite

from transport import sums
from transport.disk import Disk

_WRITES = ("INSERT", "UPDATE", "DELETE")


class Room(Enum):
    """How full a disk is: ordinary, down to the reserve, or so that nothing can be written at all."""

    FREE = "free"
    RESERVE = "reserve"
    NONE = "none"


class Blow(Enum):
    """What happens at the statement that a fuse names."""

    BEFORE = "the process dies before it"
    AFTER = "the process dies after it"
    ERROR = "the disk fails it"


class Fuse(NamedTuple):
    """`left` statements from now, `blow` happens."""

    left: int
    blow: Blow


class Platter:
    """The medium. `look` is a query whose rows `committed` tells, as of the last commit."""

    def __init__(self, look: str, image: bytes = b"") -> None:
        self._look = look
        self._rows: list[tuple[Any, ...]] | None = None
        self._connection = _connected(image)
        self.room = Room.FREE
        # Whether the process saw it full since it last deleted anything: on a slow disk it may be free again by then.
        self.seen_full = False
        # Seconds that each statement takes.
        self.slow = 0.0
        self.fuse: Fuse | None = None
        self.statements = 0
        self.handle: Handle | None = None
        # Told of each statement as it is carried out, before it is.
        self.before: Callable[[str, Any], None] = lambda _statement, _values: None
        # Makes the process die.
        self.kill: Callable[[], None] = lambda: None

    def open(self) -> "Handle":
        """For a process that starts: the one before is gone, with what it had not committed."""
        self.let_go()
        self.handle = Handle(self)
        return self.handle

    def let_go(self) -> None:
        if self.handle is not None:
            self.handle.die()
            self.handle = None
        self.fuse = None
        self.seen_full = False
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._rows = None

    def committed(self) -> list[tuple[Any, ...]]:
        """The rows of `look`, without what is not committed."""
        if self._rows is None:
            assert not self._connection.in_transaction, "looked at before the transaction began"
            self._rows = self._read()
        return self._rows

    def _read(self) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(self._look).fetchall()
        except sqlite3.OperationalError:
            return []  # no process has made its tables yet

    def query(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, values).fetchall()

    @property
    def busy(self) -> bool:
        return self._connection.in_transaction

    def image(self) -> bytes:
        """All that is on it; nothing, where no process has made its tables yet."""
        return self._connection.serialize() if self._connection.execute("PRAGMA page_count").fetchone()[0] else b""

    def put_back(self, image: bytes) -> None:
        """The disk is another one now, or an older state of this one."""
        self.let_go()
        self._connection.close()
        self._connection = _connected(image)
        self._rows = None

    def begins(self, statement: str) -> None:
        """Look once more before a transaction hides what is committed."""
        if statement.startswith("BEGIN"):
            self.committed()

    def carry_out(self, work: Callable[[sqlite3.Connection], Any]) -> Any:  # noqa: ANN401
        done = work(self._connection)
        if not self._connection.in_transaction:
            self._rows = None
        return done


def _connected(image: bytes) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512)
    if image:
        connection.deserialize(image)
    connection.create_function("row_sum", -1, sums.of_row, deterministic=True)
    return connection


class Handle:
    """One process's connection: what `Disk` and the city's engines use of one. A dead process's does nothing more."""

    def __init__(self, platter: Platter) -> None:
        self._platter = platter
        self._asked: set[asyncio.Future[Any]] = set()
        self._dead = False
        self._turn = 0.0

    def die(self) -> None:
        """Nothing that a dead process still wants is carried out, nor told to it."""
        self._dead = True
        for done in self._asked:
            done.cancel()

    async def execute(self, statement: str, values: Any = ()) -> sqlite3.Cursor:  # noqa: ANN401
        cursor: sqlite3.Cursor = await self._do(statement, values, lambda at: at.execute(statement, values))
        return cursor

    async def executemany(self, statement: str, values: Iterable[Sequence[object]]) -> sqlite3.Cursor:
        rows = list(values)
        cursor: sqlite3.Cursor = await self._do(statement, rows, lambda at: at.executemany(statement, rows))
        return cursor

    async def executescript(self, script: str) -> None:
        await self._do(script, (), lambda at: at.executescript(script))

    async def execute_fetchall(self, statement: str, values: Any = ()) -> list[Any]:  # noqa: ANN401
        found: list[Any] = await self._do(statement, values, lambda at: at.execute(statement, values).fetchall())
        return found

    async def close(self) -> None:
        """A process that ends leaves its disk behind."""

    async def _do(self, statement: str, values: Any, work: Callable[[sqlite3.Connection], Any]) -> Any:  # noqa: ANN401
        """Hand it over, as to a thread: it is carried out in its turn, whether or not anybody waits for it still."""
        if self._dead:
            raise asyncio.CancelledError
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._asked.add(done)
        done.add_done_callback(self._asked.discard)
        self._turn = max(loop.time(), self._turn) + self._platter.slow
        if self._turn > loop.time():
            loop.call_at(self._turn, self._carry_out, done, statement.lstrip(), values, work)
        else:
            loop.call_soon(self._carry_out, done, statement.lstrip(), values, work)
        return await done

    def _carry_out(
        self,
        done: "asyncio.Future[Any]",
        text: str,
        values: Any,  # noqa: ANN401
        work: Callable[[sqlite3.Connection], Any],
    ) -> None:
        platter = self._platter
        if self._dead:
            return
        platter.statements += 1
        blow = self._blow()
        if blow is Blow.BEFORE:
            platter.kill()
            done.cancel()
            return
        try:
            if blow is Blow.ERROR and text != "ROLLBACK":
                raise sqlite3.OperationalError("disk I/O error")
            if platter.room is Room.NONE and text.startswith(_WRITES):
                raise sqlite3.OperationalError("database or disk is full")
            platter.begins(text)
            platter.before(text, values)
            result = platter.carry_out(work)
        except sqlite3.Error as failed:
            if not done.done():
                done.set_exception(failed)
            return
        if blow is Blow.AFTER:
            platter.kill()
            done.cancel()
        elif not done.done():
            done.set_result(result)

    def _blow(self) -> Blow | None:
        fuse = self._platter.fuse
        if fuse is None:
            return None
        self._platter.fuse = None if fuse.left <= 0 else fuse._replace(left=fuse.left - 1)
        return fuse.blow if fuse.left <= 0 else None


class ModelDisk(Disk):
    """The product's disk on the platter of the host that opens it."""

    platter: Platter

    @classmethod
    async def open(cls, path: Path, schema: str, *, reserve: int = 0) -> Self:
        from tests.model.host import HOST  # noqa: PLC0415  (a host has a platter)

        platter = HOST.get().platter
        handle = platter.open()
        disk = cls(path, cast("aiosqlite.Connection", handle), reserve)
        disk.platter = platter
        await handle.executescript(schema)
        return disk

    def free(self) -> int:
        if self.platter.room is Room.FREE:
            return 1 << 30
        self.platter.seen_full = True
        return 0

    async def reclaim(self) -> None:
        """The model's disks are filled and freed by others."""
