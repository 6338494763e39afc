"""Opening the database: durable by default, one writer, one text of SQL."""

import asyncio
import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from cloud.database import ROWS_A_STATEMENT, Database, fetch, fetch_value, open_database, reading, unavailable, write
from cloud.tallies.store import ADD_MINUTE
from contract.errors import OutOfRoom, SettingsError, Unavailable

WINDOWS = 'SELECT id FROM "window"'
ADD_WINDOW = 'INSERT INTO "window" (id, valid_from) VALUES (:id, 0)'


async def test_a_commit_is_on_the_disk_when_it_returns(database: Database) -> None:
    async with database.writer.connect() as connection:
        if connection.dialect.name == "sqlite":
            assert await fetch_value(connection, "PRAGMA synchronous") == 2  # FULL
            assert await fetch_value(connection, "PRAGMA journal_mode") == "wal"
        else:
            # The server of these tests has it off for everybody who does not say.
            assert await fetch_value(connection, "SHOW synchronous_commit") == "on"


async def test_readers_see_the_last_commit_while_a_writer_is_at_work(database: Database) -> None:
    async with database.writer.begin() as writing:
        await write(writing, "CREATE TABLE note (a INTEGER, b TEXT)")
        await write(writing, "INSERT INTO note (a, b) VALUES (:a, :b)", [(1, "x"), (2, "y")])
    async with database.writer.begin() as writing:
        await write(writing, "DELETE FROM note")
        async with database.reader.connect() as reading:
            assert await fetch(reading, "SELECT a, b FROM note WHERE a > :low ORDER BY a", (0,)) == [
                (1, "x"),
                (2, "y"),
            ]
    async with database.reader.connect() as reading:
        assert await fetch_value(reading, "SELECT a FROM note") is None


async def test_a_readers_transaction_sees_one_moment(database: Database) -> None:
    async with database.reader.begin() as reading:
        assert await fetch(reading, WINDOWS) == []
        async with database.writer.begin() as writing:
            await write(writing, ADD_WINDOW, [("371721121-a1/01",)])
        assert await fetch(reading, WINDOWS) == []
    async with database.reader.begin() as reading:
        assert await fetch(reading, WINDOWS) == [("371721121-a1/01",)]


async def test_an_exception_rolls_everything_back(database: Database) -> None:
    with pytest.raises(Unavailable, match=r"(?i)unique"), unavailable():
        async with database.writer.begin() as writing:
            await write(writing, ADD_WINDOW, [("371721121-a1/01",), ("371721121-a1/02",), ("371721121-a1/01",)])
    async with database.reader.connect() as reading:
        assert await fetch_value(reading, 'SELECT count(*) FROM "window"') == 0


def out_of_room() -> list[Exception]:
    """What SQLite says of a full disk, what PostgreSQL does, and what the system does under either."""
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorname = "SQLITE_FULL"
    server = sqlite3.OperationalError("could not extend file: No space left on device")
    server.sqlstate = "53100"  # type: ignore[attr-defined]
    return [full, DBAPIError("INSERT", None, server), OSError(errno.ENOSPC, "no space"), OSError(errno.EDQUOT, "quota")]


@pytest.mark.parametrize("said", out_of_room(), ids=str)
def test_a_full_disk_is_told_apart_from_other_trouble(said: Exception) -> None:
    with pytest.raises(OutOfRoom, match="database: "), unavailable():
        raise said
    with pytest.raises(Unavailable, match="database: ") as caught, unavailable():
        raise OSError(errno.ECONNRESET, "gone")
    assert not isinstance(caught.value, OutOfRoom)


async def test_thousands_of_rows_are_one_statement(database: Database) -> None:
    rows = [(minute, "371721121-a1/01", "button", 1, 0, 0) for minute in range(5000)]
    async with database.writer.begin() as writing:
        await write(writing, ADD_MINUTE, rows)
        await write(writing, ADD_MINUTE, rows)
    async with database.reader.begin() as reading:
        assert await fetch(reading, "SELECT count(*), sum(satisfied) FROM tally_minute") == [(5000, 10_000)]


@pytest.mark.parametrize("count", [1, ROWS_A_STATEMENT, 3 * ROWS_A_STATEMENT])
async def test_a_disk_that_fills_within_a_commit_leaves_nothing_of_it(tmp_path: Path, count: int) -> None:
    """SQLite then may end the transaction by itself, and whatever came after would be committed at once."""
    async with await open_database(str(tmp_path / "city.db")) as database:
        async with database.writer.begin() as writing:
            await write(writing, "CREATE TABLE note (a INTEGER PRIMARY KEY, b BLOB NOT NULL)")
            pages = await fetch_value(writing, "PRAGMA page_count")
            await fetch(writing, f"PRAGMA max_page_count = {pages + 40}")
        add = "INSERT INTO note (a, b) VALUES (:a, :b)"

        async def fill() -> None:
            async with database.writer.begin() as writing:
                await write(writing, add, [(0, b"fits")])
                await write(writing, add, [(1 + number, bytes(1_000_000 // count)) for number in range(count)])

        with pytest.raises(OutOfRoom), unavailable():
            await fill()
        async with database.reader.begin() as reading:
            assert await fetch_value(reading, "SELECT count(*) FROM note") == 0
        async with database.writer.begin() as writing:
            await fetch(writing, f"PRAGMA max_page_count = {pages + 400}")
            await write(writing, add, [(0, b"fits")])
        async with database.reader.begin() as reading:
            assert await fetch(reading, "SELECT a, b FROM note") == [(0, b"fits")]


# The same insertion, as many rows at a time and, where a row brings more than what is inserted, one by one.
ADD_NOTE = "INSERT INTO note (a, b) VALUES (:a, :b) ON CONFLICT (a) DO UPDATE SET b = note.b || excluded.b"
ADD_NOTES = (ADD_NOTE, ADD_NOTE + " || CAST(:more AS TEXT)", ADD_NOTE.replace(":a, :b", "CAST(:a AS INTEGER), :b"))


@pytest.mark.parametrize("count", [1, ROWS_A_STATEMENT - 1, ROWS_A_STATEMENT, 2 * ROWS_A_STATEMENT + 3])
@pytest.mark.parametrize("sql", ADD_NOTES)
async def test_however_many_rows_are_written_each_is_once_and_in_its_order(
    database: Database, sql: str, count: int
) -> None:
    more = ("",) * (":more" in sql)
    rows = [(number // 2, f"{number} ", *more) for number in range(count)]
    async with database.writer.begin() as writing:
        await write(writing, "CREATE TABLE note (a INTEGER PRIMARY KEY, b TEXT NOT NULL)")
        await write(writing, sql, rows)
    async with database.reader.begin() as reading:
        found = await fetch(reading, "SELECT a, b FROM note ORDER BY a")
    assert "".join(text for _, text in found) == "".join(f"{number} " for number in range(count))
    assert len(found) == (count + 1) // 2


@pytest.mark.parametrize("database", ["no/such/folder/city.db", "nosuch://db", "postgresql+nosuch://db/city"])
async def test_what_cannot_be_opened_is_a_settings_error_of_one_line(tmp_path: Path, database: str) -> None:
    name = database if "://" in database else str(tmp_path / database)

    with pytest.raises(SettingsError) as wrong:
        await open_database(name)

    assert name in str(wrong.value)
    assert "\n" not in str(wrong.value)


async def test_a_database_in_which_the_tables_cannot_be_made_is_told(tmp_path: Path) -> None:
    file = tmp_path / "city.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE mine (a)")
        other.execute("CREATE INDEX ledger_entry_numbers ON mine (a)")

    with pytest.raises(SettingsError, match=r"city\.db: cannot be opened: index ledger_entry_numbers already exists"):
        await open_database(str(file))


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    file = tmp_path / "city.db"
    file.write_bytes(b"not a database at all, but long enough to be looked at" * 40)

    with pytest.raises(SettingsError, match="not a database"):
        await open_database(str(file))


async def test_of_a_file_one_city_takes_in_ratings_and_whoever_else_works_on_it_asks_nobody(tmp_path: Path) -> None:
    file = str(tmp_path / "city.db")
    async with await open_database(file, sole=True):
        with pytest.raises(SettingsError, match=r"city\.db is in use by another process"):
            await open_database(file, sole=True)
        async with await open_database(file) as other, other.writer.begin() as writing:
            await write(writing, ADD_WINDOW, [("371721121-a1/01",)])
        async with reading(file) as connection:
            assert await fetch_value(connection, WINDOWS) == "371721121-a1/01"
    async with await open_database(file, sole=True):
        pass


async def test_a_file_whose_lock_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "city.db-lock").mkdir()
    with pytest.raises(SettingsError, match=r"cannot be opened: .* its lock"):
        await open_database(str(tmp_path / "city.db"), sole=True)


async def test_an_open_file_is_opened_beside_a_writer_on_the_same_loop(tmp_path: Path) -> None:
    """What waited for the writer held up the loop that the writer needed to end, until it gave up."""
    async with await open_database(str(tmp_path / "city.db")) as city:
        async with city.writer.begin():
            opening = asyncio.create_task(open_database(str(tmp_path / "city.db")))
            await asyncio.sleep(0.05)
            assert not opening.done()
        async with await opening:
            pass
