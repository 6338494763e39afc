"""The connections to each kind of database, set as the city needs them: SQLite in a file, PostgreSQL over TCP.

Of the two engines the writer has one connection and the reader a few. On both kinds a reader's transaction sees one
moment of the database, and a commit is on the disk when it returns. No error tells the values of its statement: they
are windows, and how they were judged.
"""

import asyncio
import socket
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import aiosqlite
from sqlalchemy import URL, Connection, event
from sqlalchemy.engine import Dialect, ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import await_only, greenlet_spawn

# Followers, the registry, clocks and misuse each keep one busy while a server hangs; what is asked then still gets one.
READERS = 12
BUSY_MS = 5_000
CONNECT_S = 5
PING_S = 2.0
# Of each insertion the writer keeps what SQLite made of it for every number of rows (`database.ROWS_A_STATEMENT`).
STATEMENTS = 512
# FULL: a commit is on the disk when it returns, through a power cut; NORMAL may lose the last ones.
_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    f"PRAGMA busy_timeout = {BUSY_MS}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -32768",
    # Pages, 32 MB: a backlog's commits touch the same pages over and over, which so are written back once for several.
    "PRAGMA wal_autocheckpoint = 8000",
)
# A peer that vanished without a word is noticed after some ten seconds, at either end.
_KEEPALIVE = {"tcp_keepalives_idle": "4", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3"}
_USER_TIMEOUT_MS = 10_000
_SOCKET_OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 4),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS),
)
_SESSION = {"application_name": "manyi", "tcp_user_timeout": str(_USER_TIMEOUT_MS), **_KEEPALIVE}


def sqlite_engines(url: URL) -> tuple[AsyncEngine, AsyncEngine]:
    """Return writer and reader on an SQLite file; reading never waits for a writer (WAL)."""
    kept = {"cached_statements": STATEMENTS}
    writer = create_async_engine(url, pool_size=1, max_overflow=0, hide_parameters=True, connect_args=kept)
    reader = create_async_engine(url, pool_size=READERS, max_overflow=0, hide_parameters=True)
    _furnish(writer, begin="BEGIN IMMEDIATE", pragmas=_SQLITE_PRAGMAS)
    _furnish(reader, begin="BEGIN", pragmas=_SQLITE_PRAGMAS)
    return writer, reader


def sqlite_looker(url: URL) -> AsyncEngine:
    """Return an engine that reads an SQLite file as of one moment and never makes or changes one.

    Not even into WAL mode, which the city's own engines would put it. Raises `sqlite3.Error` without a readable file.
    """
    file = f"{Path(url.database or '').resolve().as_uri()}"
    with closing(sqlite3.connect(f"{file}?mode=ro", uri=True)) as probing:
        probing.execute("SELECT 1 FROM sqlite_schema")
    engine = create_async_engine(url.set(database=file, query={"mode": "ro", "uri": "true"}), hide_parameters=True)
    _furnish(engine, begin="BEGIN", pragmas=())
    return engine


def postgresql_engines(url: URL) -> tuple[AsyncEngine, AsyncEngine]:
    """Return writer and reader on PostgreSQL.

    The writer is never replaced without an error, so that whoever holds a lock on its session learns that it is lost;
    readers are.
    """
    writer = create_async_engine(
        url,
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
        isolation_level="READ COMMITTED",
        connect_args={"timeout": CONNECT_S, "server_settings": {**_SESSION, "synchronous_commit": "on"}},
    )
    reader = create_async_engine(
        url,
        pool_size=READERS,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        isolation_level="REPEATABLE READ",
        connect_args={"timeout": CONNECT_S, "server_settings": _SESSION},
    )
    for engine in (writer, reader):
        # What was cut off is dropped at once: asyncpg would first ask the server to cancel it, and wait for the answer
        # of one that hangs without end. PostgreSQL ends a session as its connection does.
        engine.dialect.do_terminate = _drop  # type: ignore[method-assign]
        engine.dialect.do_ping = _answers  # type: ignore[method-assign]
        engine.dialect.do_rollback = _roll_back  # type: ignore[method-assign]
        event.listen(engine.sync_engine, "do_connect", _connect)
        event.listen(engine.sync_engine, "connect", _keep_alive)
        event.listen(engine.sync_engine, "handle_error", _forget_ended_session)
    return writer, reader


async def driver_of(connection: AsyncConnection) -> aiosqlite.Connection:
    """The driver's own connection to an SQLite, within the transaction of `connection`.

    SQLAlchemy goes to its thread three or four times for a statement: to make a cursor, to use it, to fetch, to close
    it. On a busy machine each way waits for its turn, which was most of what a commit took.
    """
    if not connection.in_transaction():
        await connection.begin()
    return cast("aiosqlite.Connection", (await connection.get_raw_connection()).driver_connection)


@contextmanager
def sqlalchemy_errors(statement: str) -> Iterator[None]:
    """Raise what SQLite refuses inside as SQLAlchemy's error, as it is with every other trouble."""
    try:
        yield
    except sqlite3.Error as bad:
        raise DBAPIError(statement, None, bad) from bad


def probe(file: str) -> None:
    """Raise `sqlite3.Error` unless the SQLite `file` is there or can be made, and can be written.

    Asked before aiosqlite is: it leaves a thread behind when it cannot open a file, which complains on stderr later.
    """
    with closing(sqlite3.connect(file, timeout=BUSY_MS / 1000, isolation_level=None)) as probing:
        probing.execute("PRAGMA journal_mode = WAL")
        probing.execute("BEGIN IMMEDIATE")
        probing.execute("ROLLBACK")


def _furnish(engine: AsyncEngine, *, begin: str, pragmas: Sequence[str]) -> None:
    """Set SQLite's `pragmas` on each new connection and begin transactions ourselves, by `begin`."""

    def connected(connection, _record) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  (an adapter type SQLAlchemy does not export)
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    def begun(connection: Connection) -> None:
        driver = cast("aiosqlite.Connection", connection.connection.driver_connection)
        with sqlalchemy_errors(begin):
            await_only(driver.execute_fetchall(begin))

    listeners: list[tuple[str, Callable[..., None]]] = [("connect", connected), ("begin", begun)]
    for name, listener in listeners:
        event.listen(engine.sync_engine, name, listener)


def _connect(dialect: Dialect, _record: object, words: list[Any], options: dict[str, Any]) -> DBAPIConnection:
    """Connect, and raise what keeps the network from it as SQLAlchemy's error, as it is with every other trouble."""
    try:
        return dialect.connect(*words, **options)
    except OSError as bad:
        raise OperationalError("connect", None, bad) from bad


def _answers(dbapi_connection: Any) -> bool:  # noqa: ANN401  (an adapter type SQLAlchemy does not export)
    """Whether a session answers at all; SQLAlchemy's own question has no end where a server hangs."""
    from asyncpg import InterfaceError, InternalClientError, PostgresError  # noqa: PLC0415  (not loaded for a file)

    try:
        await_only(dbapi_connection.driver_connection.execute("SELECT 1", timeout=PING_S))
    except (OSError, PostgresError, InterfaceError, InternalClientError):
        return False
    return True


def _roll_back(dbapi_connection: Any) -> None:  # noqa: ANN401  (an adapter type SQLAlchemy does not export)
    """Undo what was begun; a session that does not answer is dropped, and PostgreSQL undoes it as it ends.

    Whoever leaves a connection waits for this, through every cancellation.
    """

    async def ask() -> None:
        try:
            async with asyncio.timeout(PING_S):
                await greenlet_spawn(dbapi_connection.rollback)
        except TimeoutError:
            _drop(dbapi_connection)

    await_only(ask())


def _drop(dbapi_connection: Any) -> None:  # noqa: ANN401  (an adapter type SQLAlchemy does not export)
    dbapi_connection.driver_connection.terminate()


def _keep_alive(connection: Any, _record: object) -> None:  # noqa: ANN401  (an adapter type SQLAlchemy does not export)
    """Have the kernel end a connection whose other end is gone; asyncpg has no setting for it."""
    made: socket.socket = connection.driver_connection._transport.get_extra_info("socket")  # noqa: SLF001
    if made.family != socket.AF_UNIX:
        for option in _SOCKET_OPTIONS:
            made.setsockopt(*option)


def _forget_ended_session(context: ExceptionContext) -> None:
    """Treat a session that PostgreSQL ended as lost: asyncpg hears of the closed connection only later."""
    state = getattr(context.original_exception, "sqlstate", None) or ""
    if state.startswith(("08", "57P", "25P03")):
        context.is_disconnect = True
