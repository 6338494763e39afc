"""Opening the database: durable by default, one writer, one text of SQL."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import cloud.ledger.tables  # noqa: F401  (its tables are made)
from cloud.database import fetch, fetch_value, open_database, unavailable, write
from contract.errors import SettingsError, Unavailable


async def test_a_commit_is_on_the_disk_when_it_returns(tmp_path: Path) -> None:
    async with await open_database(str(tmp_path / "city.db")) as database:
        for engine in (database.writer, database.reader):
            async with engine.connect() as connection:
                assert await fetch_value(connection, "PRAGMA synchronous") == 2  # FULL
                assert await fetch_value(connection, "PRAGMA journal_mode") == "wal"


async def test_readers_see_the_last_commit_while_a_writer_is_at_work(tmp_path: Path) -> None:
    async with await open_database(str(tmp_path / "city.db")) as database:
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


async def test_an_exception_rolls_everything_back(tmp_path: Path) -> None:
    async with await open_database(str(tmp_path / "city.db")) as database:
        async with database.writer.begin() as writing:
            await write(writing, "CREATE TABLE note (a INTEGER PRIMARY KEY)")
        with pytest.raises(Unavailable, match="UNIQUE"), unavailable():
            async with database.writer.begin() as writing:
                await write(writing, "INSERT INTO note (a) VALUES (:a)", [(1,), (1,)])
        async with database.reader.connect() as reading:
            assert await fetch_value(reading, "SELECT count(*) FROM note") == 0


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
