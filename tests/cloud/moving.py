"""What the tests of copies, backups and restores share: somewhere to go, a power cut at any step, older files."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest
from sqlalchemy import create_engine

from cloud.calendar import Calendar
from cloud.copy import progress
from cloud.copy.move import Place
from cloud.copy.rules import Mark
from cloud.copy.sheet import sheets
from cloud.database import Database, fetch, open_database, write
from cloud.migrations.upgrade import upgrade
from cloud.registry.load import register
from contract.signing import Signer
from tests.cloud.conftest import EPOCH, NODE, NOW, Desk, entry
from tests.conftest import PostgresUrl

ZONE = Calendar("Asia/Shanghai")
STEPS = ("copy", "verify", "recount")
REGISTRATION = {
    "nodes": [
        {
            "node": NODE,
            "key": Signer(b"o" * 32).public,
            "windows": ["01", "02"],
            "config": {"windows": [{"id": "01", "satisfied": 5, "basic": 6, "dissatisfied": 13}], "settle_ms": 500},
        }
    ]
}
ENTRY = "INSERT INTO ledger_entry VALUES (?, 'batch', ?, ?, ?, ?, ?, 'live', ?)"


def untold(_step: str, _done: int, _total: int) -> None: ...


class PowerCut(BaseException):
    """Ends everything, and nobody can make an error of it."""


def cut(step: str, share: float = 0) -> Callable[[str, int, int], None]:
    """A listener that ends everything once so much of `step` is done."""

    def tell(now: str, done: int, total: int) -> None:
        if now == step and done >= share * total:
            raise PowerCut

    return tell


def never(_step: str, _done: int, _total: int) -> NoReturn:
    raise AssertionError("nothing was to begin")


def empty(request: pytest.FixtureRequest, kind: str, folder: Path) -> Place:
    """A file that is not there yet, or a database without a table."""
    if kind == "sqlite":
        return Place(str(folder / "target.db"))
    given: PostgresUrl = request.getfixturevalue("postgres_url")
    return Place(given.url, str(given.password_file))


async def opened(place: Place) -> Database:
    return await open_database(place.database, password_file=place.password_file)


async def content(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, sorted by Python."""
    async with database.reader.begin() as connection:
        return {
            one.name: sorted(await fetch(connection, f'SELECT * FROM "{one.name}"'), key=repr)  # noqa: S608
            for one in sheets()
        }


async def live_in(desk: Desk) -> Desk:
    """A city of one registered node, with 12 ratings that count and 6 that are held."""
    await register(desk.database.writer, json.dumps(REGISTRATION), NOW)
    async with desk.database.writer.begin() as connection:
        await write(connection, "INSERT INTO series_cursor VALUES (1, 5)")
    for number in range(6):
        await desk.exchange(entry(3 * number + 1, ("01", 3), ("02", 2), ("09", 1)))
    return desk


async def halve(database: Database) -> None:
    """Make it what a copy of "somewhere" is until it is finished."""
    async with database.writer.begin() as connection:
        await progress.begin(connection, "somewhere", Mark(0, 0))


def make_old(file: Path, entries: int) -> None:
    """A city of the first schema, as a power cut leaves it: its entries, of one rating each, are in its log alone."""
    alive = file.with_name("alive")
    engine = create_engine(f"sqlite:///{alive}")
    with engine.begin() as connection:
        upgrade(connection, to="0001")
    engine.dispose()
    with closing(sqlite3.connect(alive)) as city:
        city.execute("PRAGMA journal_mode = WAL")
        city.executemany(
            ENTRY,
            [(number, NODE, EPOCH, number, number, NOW, entry(number, ("01", 3))) for number in range(1, entries + 1)],
        )
        city.execute("INSERT INTO ledger_head (id, position) VALUES (1, ?)", (entries,))
        city.commit()
        shutil.copyfile(alive, file)
        shutil.copyfile(f"{alive}-wal", f"{file}-wal")


def bytes_of(file: Path) -> tuple[bytes, bytes]:
    """A database file and its log."""
    return file.read_bytes(), Path(f"{file}-wal").read_bytes()
