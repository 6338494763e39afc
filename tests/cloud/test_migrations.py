"""The schema by revisions: equal to what the rooms describe, on both databases, also when it began as 0.1.0's."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from cloud.address import url_of
from cloud.database import (
    Database,
    fetch,
    fetch_value,
    metadata,
    open_database,
    unavailable,
    upgrade_database,
    write,
)
from cloud.engines import postgresql_engines, sqlite_engines
from cloud.migrations import FIRST, HEAD, revision_of
from cloud.migrations.upgrade import upgrade
from contract.batch import Batch
from contract.codec import encode
from contract.errors import SettingsError, Unavailable
from contract.rating import Quality, Row
from firmware_sim.servers.postgres import Postgres

T = TypeVar("T")
CLOUD = Path(__file__).parents[2] / "cloud"
OLD_SCHEMA = (Path(__file__).parent / "schema_0_1_0.sql").read_text(encoding="utf-8")
for room in CLOUD.glob("*/tables.py"):
    import_module(f"cloud.{room.parent.name}.tables")

NOON = 29_922_000  # a full hour, in minutes since 1970 UTC
AT = NOON * 60_000
ENTRY = """
INSERT INTO ledger_entry (position, kind, node, epoch, first, last, received_at, lane, raw)
VALUES (1, 'batch', '371721121-a1', 'AAAAAAAAAA', 1, 3, 5, 'live', '{}')
"""
MINUTES = f"""
INSERT INTO tally_minute (minute, "window", channel, satisfied, basic, dissatisfied) VALUES
({NOON}, '371721121-a1/01', 'button', 1, 2, 3), ({NOON + 59}, '371721121-b2/01', 'button', 10, 20, 30),
({NOON + 60}, '371721121-a1/01', 'button', 100, 0, 0), ({NOON + 59}, '371721122-a1/01', 'button', 0, 0, 7)
"""  # noqa: S608  (numbers from this file)
COLLATIONS = """
SELECT coalesce(collation_name, 'the database''s'), count(*) FROM information_schema.columns
WHERE table_schema = 'public' AND table_name <> 'alembic_version' AND data_type = 'text' GROUP BY collation_name
"""
HOURS = "SELECT hour, township, channel, satisfied, basic, dissatisfied FROM tally_township ORDER BY hour, township"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: a path or a URL with its password."""
    if request.param == "sqlite":
        return str(tmp_path / "city.db")
    made: str = request.getfixturevalue("postgres_url").with_password
    return made


@pytest.fixture
async def plain(empty: str) -> AsyncIterator[Database]:
    """Connections to it as it is."""
    url = url_of(empty)
    async with Database(*(sqlite_engines(url) if "://" not in empty else postgresql_engines(url))) as made:
        yield made


async def done(database: Database, work: Callable[[Connection], T]) -> T:
    async with database.writer.begin() as connection:
        return await connection.run_sync(work)


def test_the_head_that_is_known_without_alembic_is_alembics() -> None:
    config = Config()
    config.set_main_option("script_location", "cloud:migrations")
    scripts = ScriptDirectory.from_config(config)

    assert scripts.get_current_head() == HEAD
    assert [script.revision for script in scripts.walk_revisions()][-1] == FIRST


async def test_migrations_make_what_the_rooms_describe(empty: str, plain: Database) -> None:
    assert await upgrade_database(empty) == (None, HEAD)

    assert len(metadata.tables) > 15
    differences = await done(
        plain, lambda connection: compare_metadata(MigrationContext.configure(connection), metadata)
    )
    assert differences == []
    assert await upgrade_database(empty) == (HEAD, HEAD)


async def test_a_difference_would_be_seen(empty: str, plain: Database) -> None:
    await upgrade_database(empty)
    async with plain.writer.begin() as connection:
        await write(connection, "DROP INDEX quarantine_bytes")
        await write(connection, "ALTER TABLE series_reject ADD COLUMN more TEXT")

    differences = await done(
        plain, lambda connection: compare_metadata(MigrationContext.configure(connection), metadata)
    )
    assert sorted(str(difference[0]) for difference in differences) == ["add_index", "remove_column"]


async def test_text_is_sorted_by_bytes_on_every_postgresql(postgres_url: tuple[str, Path, str]) -> None:
    await upgrade_database(postgres_url[2])
    async with await open_database(postgres_url[2]) as database, database.reader.begin() as connection:
        found = dict(await fetch(connection, COLLATIONS))
    assert found.keys() == {"C"}
    assert found["C"] > 30


async def test_an_entry_of_the_ledger_can_neither_be_changed_nor_deleted(empty: str, plain: Database) -> None:
    await upgrade_database(empty)
    async with plain.writer.begin() as connection:
        await write(connection, ENTRY)
    refused = ["UPDATE ledger_entry SET first = 2", "DELETE FROM ledger_entry"]
    if "://" in empty:
        refused.append("TRUNCATE ledger_entry")

    for statement in refused:
        with pytest.raises(Unavailable, match="ledger entries are never changed"), unavailable():
            async with plain.writer.begin() as connection:
                await write(connection, statement)
    async with plain.reader.begin() as connection:
        assert await fetch(connection, "SELECT position, first FROM ledger_entry") == [(1, 1)]


def outline(file: Path) -> list[tuple[object, ...]]:
    """Every table's columns and indexes, and what it is made of."""
    with closing(sqlite3.connect(file)) as db:
        found = db.execute("SELECT type, name, tbl_name FROM sqlite_master ORDER BY type, name").fetchall()
        found += db.execute(
            "SELECT name, ncol, wr FROM pragma_table_list WHERE schema = 'main' ORDER BY name"
        ).fetchall()
        found += db.execute("SELECT sql FROM sqlite_master WHERE type IN ('trigger', 'index') ORDER BY name").fetchall()
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall():
            found += db.execute(f'PRAGMA table_xinfo("{name}")').fetchall()
            found += sorted(row[1:] for row in db.execute(f'PRAGMA index_list("{name}")'))
        return found


def old_file(folder: Path) -> Path:
    file = folder / "old.db"
    with closing(sqlite3.connect(file)) as old:
        old.executescript(OLD_SCHEMA)
    return file


async def test_the_first_revision_is_what_0_1_0_made(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    async with Database(*sqlite_engines(url_of(str(file)))) as database:
        assert await done(database, lambda connection: upgrade(connection, FIRST)) is None
        async with database.writer.begin() as connection:
            await write(connection, "DROP TABLE alembic_version")

    old = outline(old_file(tmp_path))
    assert len(old) > 100
    assert outline(file) == old


async def test_a_file_of_0_1_0_is_upgraded_as_it_is_opened_and_keeps_its_rows(tmp_path: Path) -> None:
    file = old_file(tmp_path)
    with closing(sqlite3.connect(file)) as old:
        old.execute("INSERT INTO ledger_head VALUES (1, 1)")
        old.execute(ENTRY)
        old.execute(MINUTES)
        old.commit()

    async with await open_database(str(file)) as database, database.reader.begin() as connection:
        assert await connection.run_sync(revision_of) == HEAD
        assert await fetch(connection, "SELECT * FROM ledger_head") == [(1, 1, 0)]
        assert await fetch_value(connection, "SELECT count(*) FROM ledger_entry") == 1
        assert await fetch(connection, HOURS) == [
            (NOON, "371721121", "button", 11, 22, 33),
            (NOON, "371721122", "button", 0, 0, 7),
            (NOON + 60, "371721121", "button", 100, 0, 0),
        ]


async def test_an_upgrade_from_the_first_revision_counts_the_townships_hours(empty: str, plain: Database) -> None:
    await done(plain, lambda connection: upgrade(connection, FIRST))
    async with plain.writer.begin() as connection:
        await write(connection, MINUTES)
        # As 0.1.0 left it, which noted no revision.
        await write(connection, "DROP TABLE alembic_version")

    assert await upgrade_database(empty) == (FIRST, HEAD)

    async with await open_database(empty) as opened, opened.reader.begin() as connection:
        assert (await fetch(connection, HOURS))[0] == (NOON, "371721121", "button", 11, 22, 33)


def batch(first: int, *rows: tuple[int, str], q: Quality, epoch: str) -> tuple[str, int, int, bytes]:
    """An entry of (ms, window) rows: its epoch, first and last number, and bytes."""
    content = [Row(ms, window, 3, 1) for ms, window in rows]
    bounds = (AT - 5, AT + 6) if q is Quality.ESTIMATED else None
    made = Batch(1, "371721121-a1", epoch, first, AT, q, content, bounds=bounds)
    return epoch, first, made.last, encode(made) + b"\nsignature"


async def test_an_upgrade_finds_the_estimates_that_are_in_the_ledger(empty: str, plain: Database) -> None:
    entries = [
        batch(1, (0, "01"), (90_000, "02"), q=Quality.ESTIMATED, epoch="AAAAAAAAAA"),
        batch(1, (0, "01"), q=Quality.CORRECTED, epoch="BBBBBBBBBB"),
        # Number 2 once more, 3, and 4, which is held.
        batch(2, (0, "02"), (60_000, "01"), (120_000, "09"), q=Quality.ESTIMATED, epoch="AAAAAAAAAA"),
    ]
    await done(plain, lambda connection: upgrade(connection, "0002"))
    async with plain.writer.begin() as connection:
        await write(
            connection,
            "INSERT INTO ledger_entry (position, kind, node, epoch, first, last, received_at, lane, raw) "
            "VALUES (:position, 'batch', '371721121-a1', :epoch, :first, :last, 5, 'live', :raw)",
            [(position, *one) for position, one in enumerate(entries, 1)],
        )
        held = 'INSERT INTO uncounted (position, row, reason, "window") VALUES (3, 2, :reason, :window)'
        await write(connection, held, [("unknown_window", "371721121-a1/09")])

    assert await upgrade_database(empty) == ("0002", HEAD)

    async with plain.reader.begin() as connection:
        bounds = await fetch(connection, "SELECT position, first, last, at, earliest, latest FROM estimate ORDER BY 1")
        assert bounds == [(1, 1, 2, AT, AT - 5, AT + 6), (3, 2, 4, AT, AT - 5, AT + 6)]
        counted = await fetch(connection, 'SELECT minute, "window", ratings FROM tally_estimated ORDER BY 1, 2')
        assert counted == [
            (NOON, "371721121-a1/01", 1),
            (NOON + 1, "371721121-a1/01", 1),
            (NOON + 1, "371721121-a1/02", 1),
        ]


async def test_an_upgrade_that_fails_leaves_everything_as_it_was(empty: str, plain: Database) -> None:
    await done(plain, lambda connection: upgrade(connection, FIRST))
    async with plain.writer.begin() as connection:
        await write(connection, "CREATE TABLE series_cursor (mine TEXT)")

    with pytest.raises(SettingsError, match=r"series_cursor.* already exists") as wrong:
        await upgrade_database(empty)

    assert "\n" not in str(wrong.value)
    assert await done(plain, revision_of) == FIRST
    with pytest.raises(Unavailable, match="tally_township"), unavailable():
        async with plain.reader.begin() as connection:
            await fetch(connection, HOURS)


async def test_two_upgrades_at_once_make_one(empty: str) -> None:
    found = await asyncio.gather(*(upgrade_database(empty) for _ in range(3)))

    assert sorted(str(before) for before, _ in found) == [HEAD, HEAD, "None"]
    async with await open_database(empty):
        pass


async def test_a_schema_of_a_newer_program_is_refused(empty: str, plain: Database) -> None:
    await upgrade_database(empty)
    async with plain.writer.begin() as connection:
        await write(connection, "UPDATE alembic_version SET version_num = '9999'")

    for attempt in (open_database, upgrade_database):
        with pytest.raises(SettingsError, match=f"schema is 9999, newer than this program's {HEAD}: use the newer"):
            await attempt(empty)


@pytest.mark.parametrize("noted", ["ae1027a6acf3", "0001abc", FIRST, "0000"])
async def test_a_schema_of_another_program_is_left_alone(empty: str, plain: Database, noted: str) -> None:
    async with plain.writer.begin() as connection:
        await write(connection, "CREATE TABLE alembic_version (version_num TEXT)")
        await write(connection, "INSERT INTO alembic_version VALUES (:noted)", [(noted,)])

    for attempt in (open_database, upgrade_database):
        with pytest.raises(SettingsError, match="its alembic_version is another program's: give Manyi a database of"):
            await attempt(empty)

    assert await done(plain, lambda connection: inspect(connection).get_table_names()) == ["alembic_version"]


@pytest.mark.parametrize("revision", [None, FIRST])
async def test_a_postgresql_that_was_not_upgraded_says_what_to_do(
    postgres_url: tuple[str, Path, str], revision: str | None
) -> None:
    url, password_file, _ = postgres_url
    if revision:
        whole = url_of(url, str(password_file))
        async with Database(*postgresql_engines(whole)) as database:
            await done(database, lambda connection: upgrade(connection, FIRST))

    found = "its schema is 0001" if revision else "it has no tables"
    with pytest.raises(SettingsError, match=f"{found} and this program needs {HEAD}: run `manyi db upgrade --config"):
        await open_database(url, password_file=str(password_file))

    await upgrade_database(url, password_file=str(password_file))
    async with await open_database(url, password_file=str(password_file)):
        pass


async def test_a_postgresql_without_chinese_is_refused(postgres: Postgres, postgres_url: tuple[str, Path, str]) -> None:
    connection = await asyncpg.connect(postgres_url[2])
    try:
        await connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        with pytest.raises(SettingsError, match="/latin: its encoding LATIN1 has no Chinese; make one by CREATE"):
            await upgrade_database(postgres.url_with_password("latin"))
    finally:
        await connection.execute("DROP DATABASE IF EXISTS latin WITH (FORCE)")
        await connection.close()


def test_a_database_at_head_is_opened_without_alembic(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\nfrom cloud.database import open_database\n"
        f"async def look():\n    async with await open_database({str(tmp_path / 'city.db')!r}):\n        pass\n"
        "asyncio.run(look())\nprint('alembic' in sys.modules, 'asyncpg' in sys.modules)\n"
    )
    runs = [subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True) for _ in "12"]

    assert [run.stdout for run in runs] == ["True False\n", "False False\n"]


async def test_a_configuration_from_before_the_history_is_its_first_version(empty: str, plain: Database) -> None:
    await done(plain, lambda connection: upgrade(connection, "0009"))
    async with plain.writer.begin() as connection:
        await write(connection, "INSERT INTO node_config (node, version, body) VALUES ('371721121-a1', 7, '{}')")

    await upgrade_database(empty)
    async with plain.reader.begin() as connection:
        found = await fetch(connection, "SELECT node, version, at, who, reason, body FROM node_config")
    assert found == [("371721121-a1", 7, 7, "registration", "", "{}")]
