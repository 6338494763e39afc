"""A restored city can go on, on either database: whole, with versions that nobody has seen, and from anywhere again."""

import json
from pathlib import Path

import pytest

from cloud.address import url_of
from cloud.copy import sheet
from cloud.copy.backup import backup
from cloud.copy.move import Moved, Place, bring_back
from cloud.copy.sheet import sheets
from cloud.copy.target import check_finished
from cloud.database import Database, fetch, fetch_value, upgrade_database
from cloud.registry import store
from cloud.registry.load import register
from contract.codec import decode_as
from contract.config import NodeConfig
from contract.errors import SettingsError, Unavailable
from tests.cloud.conftest import NODE, NOW, Desk
from tests.cloud.moving import (
    REGISTRATION,
    STEPS,
    ZONE,
    PowerCut,
    bytes_of,
    cut,
    empty,
    halve,
    live_in,
    make_old,
    never,
    opened,
    untold,
)
from tests.cloud.where import InFile, Where

# A PostgreSQL of one's own begins with making it, on a busy machine.
pytestmark = pytest.mark.timeout(60)

LATER = NOW + 3_600_000


@pytest.fixture
def target(request: pytest.FixtureRequest, where: Where, tmp_path: Path) -> Place:
    """Where to restore to, of the city's own kind: a file that is not there yet, or a database without a table."""
    return empty(request, "sqlite" if isinstance(where, InFile) else "postgresql", tmp_path)


@pytest.fixture
async def city(desk: Desk) -> Desk:
    return await live_in(desk)


async def back_up(city: Desk, file: Path) -> int:
    return await backup(url_of(city.where.database), file, untold)


async def brought_back(file: Path, target: Place, now: int = LATER) -> Moved:
    return await bring_back(file, target, ZONE, now=now, tell=untold)


async def ledger_of(database: Database) -> list[tuple[object, ...]]:
    async with database.reader.begin() as connection:
        return await fetch(connection, "SELECT * FROM ledger_entry ORDER BY position")


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


@pytest.mark.parametrize("step", STEPS)
async def test_a_restore_that_was_cut_off_is_no_city_and_goes_on(
    city: Desk, tmp_path: Path, target: Place, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await back_up(city, tmp_path / "b.db")
    monkeypatch.setattr(sheet, "PAGE", 2)

    with pytest.raises(PowerCut):
        await bring_back(tmp_path / "b.db", target, ZONE, now=NOW, tell=cut(step, 0.5))
    async with await opened(target) as database:
        with pytest.raises(SettingsError, match="unfinished copy of"):
            await check_finished(database, "it")
    copied, account = await brought_back(tmp_path / "b.db", target)

    assert (copied.disagreements, account is not None and account.equal) == ([], True)
    async with await opened(target) as database, database.reader.begin() as connection:
        assert await store.version(connection) == LATER
        assert await fetch_value(connection, "SELECT position FROM series_cursor") == 0
        await check_finished(database, "it")


async def test_a_restore_overwrites_nothing(city: Desk, tmp_path: Path) -> None:
    await back_up(city, tmp_path / "b.db")

    with pytest.raises(SettingsError, match=r"is not empty .* give a new database or file, or move this one away"):
        await brought_back(tmp_path / "b.db", Place(city.where.database))


async def test_a_city_that_only_knows_the_places_counts_as_empty(city: Desk, tmp_path: Path, target: Place) -> None:
    await back_up(city, tmp_path / "b.db")
    await upgrade_database(target.database, password_file=target.password_file)
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


async def test_a_backup_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no\.db: there is no such file"):
        await bring_back(tmp_path / "no.db", Place(str(tmp_path / "restored.db")), ZONE, now=LATER, tell=never)

    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
async def test_half_a_copy_is_no_backup(city: Desk, tmp_path: Path, target: Place) -> None:
    await halve(city.database)

    with pytest.raises(SettingsError, match="unfinished copy of somewhere"):
        await bring_back(tmp_path / "city.db", target, ZONE, now=LATER, tell=never)


async def test_a_backup_of_an_older_version_is_restored_with_its_log_and_stays_as_it_was(
    tmp_path: Path, target: Place
) -> None:
    make_old(tmp_path / "old.db", 40)
    before = bytes_of(tmp_path / "old.db")
    with pytest.raises(PowerCut):
        await bring_back(tmp_path / "old.db", target, ZONE, now=NOW, tell=cut("copy", 0.5))

    copied, account = await brought_back(tmp_path / "old.db", target)

    assert copied.rows["ledger_entry"] == 40
    assert account is not None
    assert (account.counted, account.gapless) == (40, True)
    assert account.differing["tally_city"] == 1  # it has no tallies at all
    assert bytes_of(tmp_path / "old.db") == before
    assert {one.name for one in sheets()} == set(copied.rows)
    async with await opened(target) as database:
        assert [row[0] for row in await ledger_of(database)] == list(range(1, 41))


async def test_no_room_to_upgrade_an_older_backup_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_old(tmp_path / "old.db", 1)

    def tell(_step: str, _done: int, _total: int) -> None:
        raise OSError("no space left")

    with pytest.raises(Unavailable, match=r"old\.db cannot be copied to .*: no space left; TMPDIR names a folder"):
        await bring_back(tmp_path / "old.db", Place(str(tmp_path / "restored.db")), ZONE, now=LATER, tell=tell)
    assert not (tmp_path / "restored.db").exists()
