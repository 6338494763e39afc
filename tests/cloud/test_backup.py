"""A backup is one file that is whole, from either database, and nothing is left of one that failed."""

import asyncio
import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cloud.address import url_of
from cloud.copy import clone
from cloud.copy.backup import backup
from cloud.database import Database
from cloud.engines import postgresql_engines
from cloud.migrations import FIRST
from cloud.migrations.upgrade import upgrade
from contract.errors import SettingsError, Unavailable
from proof import ledger, tallies
from tests.cloud.conftest import Desk, entry
from tests.cloud.moving import PowerCut, bytes_of, cut, halve, live_in, make_old, never, untold
from tests.conftest import PostgresUrl

# A PostgreSQL of one's own begins with making it, on a busy machine.
pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def city(desk: Desk) -> Desk:
    return await live_in(desk)


async def back_up(city: Desk, file: Path) -> int:
    return await backup(url_of(city.where.database), file, untold)


async def test_a_backup_is_one_file_that_an_outsider_recounts(city: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()

    size = await back_up(city, folder / "b.db")

    assert [(one.name, one.stat().st_size) for one in folder.iterdir()] == [("b.db", size)]
    assert tallies.differences(folder / "b.db", ZoneInfo("Asia/Shanghai")) == []
    assert ledger.gapless(folder / "b.db")
    assert sum(one.counted for one in ledger.read(folder / "b.db")) == 12
    assert [one.name for one in folder.iterdir()] == ["b.db"]
    with (
        closing(sqlite3.connect(folder / "b.db")) as file,
        pytest.raises(sqlite3.IntegrityError, match="never changed"),
    ):
        file.execute("DELETE FROM ledger_entry")


async def test_a_backup_of_a_running_city_is_of_one_moment(city: Desk, tmp_path: Path) -> None:
    def tell(_step: str, _done: int, _total: int) -> None:
        if not city.intake.waiting_bytes:
            city.send(entry(100 + 2 * len(city.said), ("01", 1), ("02", 1)))

    await backup(url_of(city.where.database), tmp_path / "b.db", tell)
    await city.settled()

    assert tallies.differences(tmp_path / "b.db", ZoneInfo("Asia/Shanghai")) == []
    assert ledger.gapless(tmp_path / "b.db")


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
async def test_a_backup_of_a_city_that_was_killed_has_what_only_its_log_held(city: Desk, tmp_path: Path) -> None:
    dead = tmp_path / "dead"
    dead.mkdir()
    for name in ("city.db", "city.db-wal"):  # as a power cut leaves them; the rest is memory
        shutil.copyfile(tmp_path / name, dead / name)

    await backup(url_of(str(dead / "city.db")), tmp_path / "b.db", untold)

    assert sum(one.counted for one in ledger.read(tmp_path / "b.db")) == 12


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
async def test_commits_meanwhile_do_not_begin_a_backup_anew(
    city: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clone, "STEP_PAGES", 1)
    loop = asyncio.get_running_loop()
    pages: list[int] = []

    def tell(_step: str, done: int, total: int) -> None:
        assert len(pages) < total
        pages.append(done)
        if done % 10 == 1:  # in the thread that copies, so it waits for the commit
            one = entry(100 + 2 * done, ("01", 1), ("02", 1))
            asyncio.run_coroutine_threadsafe(city.exchange(one), loop).result(10)

    await backup(url_of(city.where.database), tmp_path / "b.db", tell)

    assert len(pages) > 30
    assert pages == list(range(1, len(pages) + 1))
    assert sum(one.counted for one in ledger.read(tmp_path / "b.db")) == 12
    assert sum(one.counted for one in ledger.read(city.path)) >= 12 + 2 * 3


async def test_no_backup_is_overwritten_and_half_of_one_is_no_backup(city: Desk, tmp_path: Path) -> None:
    (tmp_path / "b.db.part").write_bytes(b"left by one that was killed")
    (tmp_path / "b.db.part-wal").write_bytes(b"as well")
    await back_up(city, tmp_path / "b.db")
    before = (tmp_path / "b.db").read_bytes()

    with pytest.raises(SettingsError, match="is there already, and no backup is ever overwritten: give another name"):
        await back_up(city, tmp_path / "b.db")
    assert (tmp_path / "b.db").read_bytes() == before
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith("b.db")] == ["b.db"]  # noqa: ASYNC240


async def test_a_backup_that_cannot_be_written_says_so(city: Desk, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no folder"):
        await back_up(city, tmp_path / "nowhere" / "b.db")
    await halve(city.database)
    with pytest.raises(SettingsError, match="unfinished copy of somewhere: run the same"):
        await back_up(city, tmp_path / "b.db")
    (tmp_path / "c.db.part").mkdir()
    with pytest.raises(Unavailable, match=r"backup .*/c\.db\.part: Is a directory"):
        await back_up(city, tmp_path / "c.db")
    assert named(tmp_path, "b.db") == []


def named(folder: Path, begin: str) -> list[str]:
    return [one.name for one in folder.iterdir() if one.name.startswith(begin)]


async def test_nothing_is_left_of_a_backup_that_was_broken_off(
    city: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clone, "STEP_PAGES", 1)

    with pytest.raises(PowerCut):
        await backup(url_of(city.where.database), tmp_path / "b.db", cut("copy", 0.5))

    assert named(tmp_path, "b.db") == []


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
async def test_nothing_is_left_of_a_backup_that_was_cancelled(
    city: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clone, "STEP_PAGES", 1)
    loop = asyncio.get_running_loop()
    seen: list[int] = []

    def tell(_step: str, done: int, _total: int) -> None:
        seen.append(done)
        if done == 3:
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0, running.cancel()), loop).result(10)

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(backup(url_of(city.where.database), tmp_path / "b.db", tell))

    assert running.cancelled()
    assert len(seen) < 10
    assert named(tmp_path, "b.db") == []


async def test_a_name_that_was_taken_meanwhile_stays_what_it_is(city: Desk, tmp_path: Path) -> None:
    def tell(_step: str, _done: int, _total: int) -> None:
        (tmp_path / "b.db").write_text("somebody else's")

    with pytest.raises(SettingsError, match="is there already, and no backup is ever overwritten"):
        await backup(url_of(city.where.database), tmp_path / "b.db", tell)

    assert named(tmp_path, "b.db") == ["b.db"]
    assert (tmp_path / "b.db").read_text() == "somebody else's"


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
async def test_a_disk_that_knows_no_second_names_will_do(
    city: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    between: list[Callable[[Path, Path], object]] = [
        lambda _part, _file: None,
        lambda _part, file: file.write_text("somebody else's"),
        lambda part, _file: part.unlink(),
    ]

    def link(part: Path, file: Path) -> None:
        between.pop(0)(part, file)
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)

    await back_up(city, tmp_path / "b.db")
    assert ledger.gapless(tmp_path / "b.db")
    with pytest.raises(SettingsError, match="is there already"):
        await back_up(city, tmp_path / "c.db")
    with pytest.raises(Unavailable, match="No such file"):
        await back_up(city, tmp_path / "d.db")
    assert [named(tmp_path, name) for name in ("b.db", "c.db", "d.db")] == [["b.db"], ["c.db"], []]
    assert (tmp_path / "c.db").read_text() == "somebody else's"


async def test_a_part_that_somebody_took_away_is_not_made_anew_and_empty(
    city: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tell(_step: str, _done: int, _total: int) -> None:
        (tmp_path / "b.db.part").unlink(missing_ok=True)

    with pytest.raises(Unavailable, match=r"backup .*b\.db"):
        await backup(url_of(city.where.database), tmp_path / "b.db", tell)

    assert named(tmp_path, "b.db") == []


async def test_a_file_is_backed_up_before_its_upgrade_as_it_is(tmp_path: Path) -> None:
    make_old(tmp_path / "old.db", 3)
    before = bytes_of(tmp_path / "old.db")

    await backup(url_of(str(tmp_path / "old.db")), tmp_path / "b.db", untold)

    assert bytes_of(tmp_path / "old.db") == before
    assert [one.seq for one in ledger.read(tmp_path / "b.db")] == [1, 2, 3]
    with closing(sqlite3.connect(tmp_path / "b.db")) as file:
        assert file.execute("SELECT version_num FROM alembic_version").fetchall() == [(FIRST,)]


async def test_a_server_of_an_older_schema_is_backed_up_by_the_older_program(
    tmp_path: Path, postgres_url: PostgresUrl
) -> None:
    url = url_of(postgres_url.with_password)
    async with Database(*postgresql_engines(url)) as database, database.writer.begin() as connection:
        await connection.run_sync(upgrade, FIRST)

    with pytest.raises(SettingsError, match="back it up with the program that made that, then run `manyi db upgrade`"):
        await backup(url, tmp_path / "b.db", never)
    assert named(tmp_path, "b.db") == []
