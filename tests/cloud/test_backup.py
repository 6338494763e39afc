"""A backup is one file that is whole, from either database; a restore is a city that can go on, on either."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import create_engine

from cloud.address import url_of
from cloud.calendar import Calendar
from cloud.copy import sheet
from cloud.copy.backup import backup
from cloud.copy.move import Moved, Place, bring_back
from cloud.copy.sheet import sheets
from cloud.database import Database, fetch, fetch_value, open_database, write
from cloud.migrations.upgrade import upgrade
from cloud.registry import store
from cloud.registry.load import register
from contract.codec import decode_as
from contract.config import NodeConfig
from contract.errors import SettingsError, Unavailable
from contract.signing import Signer
from proof import ledger, tallies
from tests.cloud.conftest import NODE, NOW, Desk, entry
from tests.cloud.where import InFile, Where
from tests.conftest import PostgresUrl

# A PostgreSQL of one's own begins with making it, on a busy machine.
pytestmark = pytest.mark.timeout(60)

ZONE = Calendar("Asia/Shanghai")
LATER = NOW + 3_600_000
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


def untold(_step: str, _done: int, _total: int) -> None: ...


@pytest.fixture
def target(request: pytest.FixtureRequest, where: Where, tmp_path: Path) -> Place:
    """Where to restore to, of the city's own kind: a file that is not there yet, or a database without a table."""
    if isinstance(where, InFile):
        return Place(str(tmp_path / "restored.db"))
    given: PostgresUrl = request.getfixturevalue("postgres_url")
    return Place(given.url, str(given.password_file))


@pytest.fixture
async def city(desk: Desk) -> Desk:
    await register(desk.database.writer, json.dumps(REGISTRATION), NOW)
    async with desk.database.writer.begin() as connection:
        await write(connection, "INSERT INTO series_cursor VALUES (1, 5)")
    for number in range(6):
        await desk.exchange(entry(3 * number + 1, ("01", 3), ("02", 2), ("09", 1)))
    return desk


async def back_up(city: Desk, file: Path) -> int:
    return await backup(url_of(city.where.database), file, untold)


async def brought_back(file: Path, target: Place, now: int = LATER) -> Moved:
    return await bring_back(file, target, ZONE, now=now, tell=untold)


async def opened(target: Place) -> Database:
    return await open_database(target.database, password_file=target.password_file)


async def ledger_of(database: Database) -> list[tuple[object, ...]]:
    async with database.reader.begin() as connection:
        return await fetch(connection, "SELECT * FROM ledger_entry ORDER BY position")


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


async def test_a_restored_city_has_the_whole_ledger_and_equal_tallies(
    city: Desk, tmp_path: Path, target: Place
) -> None:
    await back_up(city, tmp_path / "b.db")
    kept = (tmp_path / "b.db").read_bytes()

    copied, account = await brought_back(tmp_path / "b.db", target)

    assert copied.disagreements == []
    assert account is not None
    assert (account.equal, account.counted) == (True, 12)
    assert (tmp_path / "b.db").read_bytes() == kept
    async with await opened(target) as database:
        assert await ledger_of(database) == await ledger_of(city.database)


async def test_no_township_gets_a_version_again_that_it_has_with_other_content(
    city: Desk, tmp_path: Path, target: Place
) -> None:
    await back_up(city, tmp_path / "b.db")
    changed = json.dumps(REGISTRATION).replace('"settle_ms": 500', '"settle_ms": 900')
    given = [await register(city.database.writer, changed, NOW + late) for late in range(50)]

    await brought_back(tmp_path / "b.db", target, now=NOW + 60)

    async with await opened(target) as database:
        async with database.reader.begin() as connection:
            registry = await store.load(connection, LATER)
        assert registry.version > max(one.version for one in given)
        config = decode_as(registry.configs[NODE].body, NodeConfig)
        assert (config.version, config.settle_ms) == (registry.version, 500)
        again = await register(database.writer, changed, NOW)  # whatever its clock says
        assert again.version == registry.version + 1


async def test_the_series_is_fed_from_the_ledgers_begin(city: Desk, tmp_path: Path, target: Place) -> None:
    await back_up(city, tmp_path / "b.db")

    await brought_back(tmp_path / "b.db", target)

    async with await opened(target) as database, database.reader.begin() as connection:
        assert await fetch_value(connection, "SELECT position FROM series_cursor") == 0


async def test_a_restore_that_was_cut_off_goes_on(
    city: Desk, tmp_path: Path, target: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await back_up(city, tmp_path / "b.db")
    monkeypatch.setattr(sheet, "PAGE", 2)

    def cut(step: str, _done: int, _total: int) -> None:
        if step == "verify":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await bring_back(tmp_path / "b.db", target, ZONE, now=LATER, tell=cut)
    copied, account = await brought_back(tmp_path / "b.db", target)

    assert (copied.disagreements, account is not None and account.equal) == ([], True)
    async with await opened(target) as database, database.reader.begin() as connection:
        assert await store.version(connection) == LATER
        assert await fetch_value(connection, "SELECT position FROM series_cursor") == 0


async def test_a_restore_overwrites_nothing(city: Desk, tmp_path: Path) -> None:
    await back_up(city, tmp_path / "b.db")

    with pytest.raises(SettingsError, match=r"is not empty .* give a new database or file, or move this one away"):
        await brought_back(tmp_path / "b.db", Place(city.where.database))


async def test_a_city_that_only_knows_the_places_counts_as_empty(city: Desk, tmp_path: Path, target: Place) -> None:
    await back_up(city, tmp_path / "b.db")
    if target.password_file is None:
        async with await opened(target) as database:
            await store.seed_places(database.writer)

    copied, _ = await brought_back(tmp_path / "b.db", target)

    assert copied.rows["township"] == 167


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to be mistaken for one" * 100])
async def test_a_file_that_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b.db").write_bytes(content)

    with pytest.raises((SettingsError, Unavailable), match=r"there is no city in it|not a database"):
        await brought_back(tmp_path / "b.db", Place(str(tmp_path / "restored.db")))
    assert (tmp_path / "b.db").read_bytes() == content


async def test_a_backup_of_an_older_version_is_restored_and_stays_as_it_was(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'old.db'}")
    with engine.begin() as connection:
        upgrade(connection, to="0001")
        connection.exec_driver_sql("INSERT INTO tally_city VALUES (5, 'button', 1, 0, 0)")
        connection.exec_driver_sql("INSERT INTO ledger_head (id, position) VALUES (1, 0)")
    engine.dispose()
    before = (tmp_path / "old.db").read_bytes()

    copied, account = await brought_back(tmp_path / "old.db", Place(str(tmp_path / "restored.db")))

    assert copied.rows["tally_city"] == 1
    assert account is not None
    assert account.differing["tally_city"] == 1
    assert (tmp_path / "old.db").read_bytes() == before
    assert {one.name for one in sheets()} == set(copied.rows)
