"""The city's database: SQLite in a file by default, PostgreSQL by URL; one schema and one text of SQL for both.

All writing goes through `writer`, which has one connection; reading has a pool of its own and never waits for a writer
(WAL). SQL is written with `:name` for values and translated once for the driver in use, so that rows go to it as plain
tuples: SQLAlchemy's own handling of a dictionary for each row took longer than SQLite's insert.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from sqlalchemy import URL, MetaData, event, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from contract.errors import SettingsError, Unavailable

# Every room of the city adds its tables here.
metadata = MetaData()

READERS = 4
BUSY_MS = 5_000
# FULL: a commit is on the disk when it returns, through a power cut; NORMAL may lose the last ones.
_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    f"PRAGMA busy_timeout = {BUSY_MS}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -32768",
)


@lru_cache(maxsize=256)
def _translated(sql: str, driver: str) -> str:
    return str(text(sql).compile(dialect=make_url(f"{driver}://").get_dialect()()))


async def fetch(connection: AsyncConnection, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Run `sql` with `values` in the order in which `:name` first appears, and fetch all rows.

    Each name must appear once only, since SQLite's driver counts places and PostgreSQL's counts names.
    """
    found = await connection.exec_driver_sql(_translated(sql, connection.engine.url.drivername), tuple(values))
    return [tuple(row) for row in found]


async def fetch_value(connection: AsyncConnection, sql: str, values: Sequence[object] = ()) -> Any:  # noqa: ANN401  (whatever stands in the column)
    """The first column of the first row, or None where there is none; otherwise as `fetch`."""
    rows = await fetch(connection, sql, values)
    return rows[0][0] if rows else None


async def write(connection: AsyncConnection, sql: str, rows: Iterable[Sequence[object]] = ((),)) -> None:
    """Run `sql` once for each of `rows`, whose values stand as in `fetch`."""
    values = [tuple(row) for row in rows]
    if values:
        await connection.exec_driver_sql(_translated(sql, connection.engine.url.drivername), values)


@contextmanager
def unavailable() -> Iterator[None]:
    """Raise whatever goes wrong with the database inside as `Unavailable`: full, locked, gone, or its network."""
    try:
        yield
    except (SQLAlchemyError, OSError) as bad:
        cause = bad.orig if isinstance(bad, DBAPIError) else bad
        raise Unavailable(f"database: {cause}") from bad


@dataclass(frozen=True, slots=True)
class Database:
    """`writer`: one connection, its transactions begin with the write lock. `reader`: a few, never blocked by it."""

    writer: AsyncEngine
    reader: AsyncEngine

    async def __aenter__(self) -> Self:
        """For `async with await open_database(...)`."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self.reader.dispose()
        await self.writer.dispose()


def url_of(database: str) -> URL:
    """The SQLAlchemy URL of `database`, which is a URL or the path of an SQLite file."""
    if "://" in database:
        return make_url(database)
    return URL.create("sqlite+aiosqlite", database=database)


async def open_database(database: str) -> Database:
    """Open `database` and make the tables of every imported room that are not there yet.

    Raises `SettingsError` when it cannot be opened.
    """
    url = url_of(database)
    if url.get_backend_name() == "sqlite":
        _probe(url.database or "")
    try:
        writer = create_async_engine(url, pool_size=1, max_overflow=0)
        reader = create_async_engine(url, pool_size=READERS, max_overflow=0)
    except Exception as bad:  # an unknown dialect, a missing driver: each library has its own error
        raise SettingsError(f"database {database}: {bad}") from bad
    if url.get_backend_name() == "sqlite":
        _furnish(writer, begin="BEGIN IMMEDIATE")
        _furnish(reader, begin="BEGIN")
    opened = Database(writer, reader)
    try:
        async with writer.begin() as connection:
            await connection.run_sync(metadata.create_all)
    except (DBAPIError, OSError) as bad:
        await opened.close()
        cause = bad.orig if isinstance(bad, DBAPIError) else bad
        raise SettingsError(f"database {database}: cannot be opened: {cause}") from bad
    return opened


def _probe(file: str) -> None:
    """Raise `SettingsError` unless the SQLite `file` is there or can be made, and can be written.

    Asked before aiosqlite is: it leaves a thread behind when it cannot open a file, which complains on stderr later.
    """
    try:
        with closing(sqlite3.connect(file, timeout=BUSY_MS / 1000, isolation_level=None)) as probe:
            probe.execute("PRAGMA journal_mode = WAL")
            probe.execute("BEGIN IMMEDIATE")
            probe.execute("ROLLBACK")
    except sqlite3.Error as bad:
        raise SettingsError(f"database {file}: cannot be opened: {bad}") from bad


def _furnish(engine: AsyncEngine, *, begin: str) -> None:
    """Set SQLite's pragmas on each new connection and begin transactions ourselves, by `begin`."""

    def connected(connection, _record) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  (an adapter type SQLAlchemy does not export)
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _SQLITE_PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    def begun(connection) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        connection.exec_driver_sql(begin)

    listeners: list[tuple[str, Callable[..., None]]] = [("connect", connected), ("begin", begun)]
    for name, listener in listeners:
        event.listen(engine.sync_engine, name, listener)
