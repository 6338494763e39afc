"""The city's database: SQLite in a file by default, PostgreSQL by URL; one schema and one text of SQL for both.

All writing goes through `writer`, which has one connection; reading has a pool of its own and never waits for a writer.
SQL is written with `:name` for values and translated once for the driver in use, so that rows go to it as plain tuples:
SQLAlchemy's own handling of a dictionary for each row took longer than SQLite's insert.
"""

import asyncio
import errno
import re
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Self

from sqlalchemy import URL, MetaData, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.address import POSTGRESQL, SQLITE, shown, url_of
from cloud.engines import driver_of, postgresql_engines, probe, sqlalchemy_errors, sqlite_engines, sqlite_looker
from cloud.migrations import HEAD, beyond, revision_of
from contract.errors import OutOfRoom, SettingsError, StoreFull, Unavailable
from transport.lock import locked

CLOSE_S = 2.0
# Python's driver of SQLite takes and leaves the interpreter's lock for each statement, and beside busy threads every
# time waits its turn: a row each took twice as long. So many rows go into one.
ROWS_A_STATEMENT = 64
_ROW = re.compile(r"^\s*INSERT\s.*\sVALUES (\([^()]+\))", re.DOTALL)
Values = tuple[object, ...]
# Every room of the city describes its tables here; they are made by `cloud.migrations`.
metadata = MetaData()


@lru_cache(maxsize=256)
def _translated(sql: str, driver: str) -> str:
    return str(text(sql).compile(dialect=make_url(f"{driver}://").get_dialect()()))


async def fetch(connection: AsyncConnection, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Run `sql` with `values` in the order in which `:name` first appears, and fetch all rows.

    Each name must appear once only, since SQLite's driver counts places and PostgreSQL's counts names.
    """
    driver = connection.engine.url.drivername
    statement = _translated(sql, driver)
    if driver == SQLITE:
        sqlite = await driver_of(connection)
        with sqlalchemy_errors(sql):
            return [tuple(row) for row in await sqlite.execute_fetchall(statement, tuple(values))]
    found = await connection.exec_driver_sql(statement, tuple(values))
    return [tuple(row) for row in found.all()]


async def fetch_value(connection: AsyncConnection, sql: str, values: Sequence[object] = ()) -> Any:  # noqa: ANN401  (whatever stands in the column)
    """The first column of the first row, or None where there is none; otherwise as `fetch`."""
    rows = await fetch(connection, sql, values)
    return rows[0][0] if rows else None


async def write(connection: AsyncConnection, sql: str, rows: Iterable[Sequence[object]] = ((),)) -> None:
    """Run `sql` once for each of `rows`, in their order, whose values stand as in `fetch`."""
    values = [tuple(row) for row in rows]
    driver = connection.engine.url.drivername
    if not values:
        return
    if driver != SQLITE:
        await connection.exec_driver_sql(_translated(sql, driver), values)
        return
    sqlite = await driver_of(connection)
    with sqlalchemy_errors(sql):
        # One after the other: a failure may have ended the transaction, and what came then would stand by itself.
        for statement, sets in _statements(sql, values):
            await sqlite.executemany(statement, sets)


def _statements(sql: str, rows: list[Values]) -> Iterator[tuple[str, list[Values]]]:
    """What writes all `rows` to an SQLite: each statement, and the sets of values to run it with."""
    if not _repeated(sql, 2):
        yield _translated(sql, SQLITE), rows
        return
    whole = len(rows) - len(rows) % ROWS_A_STATEMENT
    for some, size in ((rows[:whole], ROWS_A_STATEMENT), (rows[whole:], len(rows) - whole)):
        if some:
            sets = [tuple(chain.from_iterable(some[at : at + size])) for at in range(0, len(some), size)]
            yield _repeated(sql, size), sets


@lru_cache(maxsize=1024)
def _repeated(sql: str, times: int) -> str:
    """`sql` for so many rows; empty where it is more than the insertion of one row's values."""
    single = _translated(sql, SQLITE)
    row = _ROW.search(single)
    if row is None or single.count("?") != row[1].count("?"):
        return ""
    return f"{single[: row.start(1)]}{', '.join([row[1]] * times)}{single[row.end(1) :]}"


@contextmanager
def unavailable() -> Iterator[None]:
    """Raise whatever goes wrong with the database inside as `Unavailable`: full, locked, gone, or its network."""
    try:
        yield
    except Exception as bad:
        if not _is_trouble(bad):
            raise
        kind = OutOfRoom if _is_full(bad) else Unavailable
        raise kind(f"database: {_told(bad)}") from bad


@dataclass(frozen=True, slots=True)
class Database:
    """`writer`: one connection, one transaction at a time. `reader`: a few, never blocked by it.

    A transaction of `reader` sees one moment of the database. `writer` begins with the write lock on SQLite.
    """

    writer: AsyncEngine
    reader: AsyncEngine
    # The file's of whoever takes in ratings, against a second city; empty otherwise.
    lock: ExitStack = field(default_factory=ExitStack)

    @property
    def shared(self) -> bool:
        """Whether other programs may be at work on it."""
        return self.writer.dialect.name == "postgresql"

    async def __aenter__(self) -> Self:
        """For `async with await open_database(...)`."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """Close every connection; what a server that hangs does not answer to is left to the end of the process."""
        for engine in (self.reader, self.writer):
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await engine.dispose()
        self.lock.close()


async def open_database(database: str, *, password_file: str | None = None, sole: bool = False) -> Database:
    """Open `database`, a path or URL; the password of a URL may stand in `password_file`.

    An SQLite file is made and upgraded as needed. A PostgreSQL must have been upgraded (`upgrade_database`), since
    several programs of different versions may be at work on it.

    `sole`: for the process that takes in ratings. Of a file there can be one such at a time (`locked`), since it
    remembers what is in the ledger; on a PostgreSQL they share the counties (`Shared`). Whoever else reads or writes
    asks nobody.

    Raises `SettingsError` when it cannot be opened or has another schema than this program's.
    """
    url = url_of(database, password_file)
    with _opening(url):
        opened = await _connected(url)
        try:
            if sole and not opened.shared:
                opened.lock.enter_context(locked(Path(url.database or "")))
            await _fit(opened, url)
        except BaseException:
            await opened.close()
            raise
    return opened


@asynccontextmanager
async def reading(database: str, *, password_file: str | None = None) -> AsyncIterator[AsyncConnection]:
    """A connection that only reads a city's database, beside whoever works on it; nothing is made or upgraded.

    Raises `SettingsError` when it cannot be opened or has another schema than this program's, and `Unavailable` where
    the database fails what is done with the connection.
    """
    url = url_of(database, password_file)
    async with AsyncExitStack() as stack:
        with _opening(url):
            engine = postgresql_engines(url)[1] if url.drivername == POSTGRESQL else sqlite_looker(url)
            stack.push_async_callback(engine.dispose)
            connection = await stack.enter_async_context(engine.connect())
            found = await connection.run_sync(revision_of)
        if found != HEAD:
            raise SettingsError(f"database {shown(url)}: {_misfit(found)}")
        with unavailable():
            yield connection


async def upgrade_database(database: str, *, password_file: str | None = None) -> tuple[str | None, str]:
    """Bring the schema of `database` to this program's revision; the revision before (None: empty) and now.

    Raises `SettingsError` when that fails, which leaves everything as it was, and for a schema that is newer.
    """
    url = url_of(database, password_file)
    with _opening(url):
        async with await _connected(url) as opened:
            if opened.shared:
                await _require_utf8(opened, url)
            before = await _upgrade(opened)
    if before is not None and before > HEAD:
        raise SettingsError(f"database {shown(url)}: {_misfit(before)}")
    return before, HEAD


async def _require_utf8(database: Database, url: URL) -> None:
    async with database.reader.connect() as connection:
        encoding = await fetch_value(connection, "SHOW server_encoding")
    if encoding != "UTF8":
        remedy = "make one by CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0"
        raise SettingsError(f"database {shown(url)}: its encoding {encoding} has no Chinese; {remedy}")


async def _fit(database: Database, url: URL) -> None:
    """Make sure that the schema is this program's; raise `SettingsError` where that is somebody else's to do."""
    async with database.reader.connect() as connection:
        found = await connection.run_sync(revision_of)
    if found == HEAD:
        return
    if url.drivername != SQLITE or (found is not None and found > HEAD):
        raise SettingsError(f"database {shown(url)}: {_misfit(found)}")
    await _upgrade(database)


async def _upgrade(database: Database) -> str | None:
    from cloud.migrations.upgrade import upgrade  # noqa: PLC0415  (Alembic is loaded only where there is work for it)

    async with database.writer.begin() as connection:
        return await connection.run_sync(upgrade)


async def _connected(url: URL) -> Database:
    """Engines on `url`; they connect when they are first used."""
    if url.drivername == POSTGRESQL:
        return Database(*postgresql_engines(url))
    # It waits for whoever writes, who may be on this very loop.
    await asyncio.to_thread(probe, url.database or "")
    return Database(*sqlite_engines(url))


def _misfit(revision: str | None) -> str:
    """What is wrong with a schema at `revision`, and what to do."""
    if revision is not None and revision > HEAD:
        return beyond(revision)
    found = "it has no tables" if revision is None else f"its schema is {revision}"
    return f"{found} and this program needs {HEAD}: run `manyi db upgrade --config FILE`"


@contextmanager
def _opening(url: URL) -> Iterator[None]:
    """Raise whatever goes wrong with the database inside as a `SettingsError`: it cannot be opened."""
    try:
        yield
    except Exception as bad:
        if not _is_trouble(bad):
            raise
        raise SettingsError(f"database {shown(url)}: cannot be opened: {_told(bad)}") from bad


def _is_trouble(bad: BaseException) -> bool:
    """Whether `bad` is the database's or its network's; what drivers raise as they connect comes past SQLAlchemy.

    asyncpg, which is not loaded for a file, is known by its name.
    """
    ours = isinstance(bad, SQLAlchemyError | OSError | sqlite3.Error | StoreFull)
    return ours or type(bad).__module__.startswith("asyncpg.")


def _is_full(bad: BaseException) -> bool:
    """Whether the database says that its disk has no room: SQLite, PostgreSQL (53100), or the system under either."""
    cause = bad.orig if isinstance(bad, DBAPIError) else bad
    named = getattr(cause, "sqlite_errorname", "") == "SQLITE_FULL" or getattr(cause, "sqlstate", "") == "53100"
    return named or (isinstance(cause, OSError) and cause.errno in {errno.ENOSPC, errno.EDQUOT})


def _told(bad: BaseException) -> str:
    """What `bad` says, in one line."""
    cause = bad.orig if isinstance(bad, DBAPIError) else bad
    if isinstance(cause, TimeoutError):
        return "no answer"
    return " ".join(str(cause).split()) or type(cause).__name__


_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)


def having(part: str) -> str:
    """Return the pattern of what has `part` in it, for `lower(...) LIKE ... ESCAPE '!'`: both databases take it alike.

    What SQL takes for a wildcard is taken as it is written. `lower` makes small letters of the English ones alone.
    """
    for special in "!%_":
        part = part.replace(special, f"!{special}")
    return f"%{part.translate(_SMALL)}%"
