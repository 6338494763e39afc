"""What may be copied, and what may be copied into: looked at first, and left as it is where it may not."""

from pathlib import Path

import pytest

from cloud.copy import target as targets
from cloud.copy.look import revision_of_city
from cloud.copy.move import Place, move
from cloud.copy.source import open_source
from cloud.copy.target import Target
from cloud.database import Database, open_database, write
from cloud.engines import postgresql_engines, sqlite_engines
from cloud.migrations import FIRST, HEAD
from cloud.migrations.upgrade import upgrade
from contract.errors import SettingsError
from tests.cloud.conftest import Desk
from tests.cloud.moving import ZONE, bytes_of, empty, halve, make_old, never, untold
from tests.conftest import PostgresUrl

# A PostgreSQL of one's own begins with making it, on a busy machine.
pytestmark = pytest.mark.timeout(60)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return empty(request, request.param, tmp_path)


def plain(place: Place) -> Database:
    """Connections to it as it is."""
    made = sqlite_engines if "://" not in place.database else postgresql_engines
    return Database(*made(place.url))


async def do(place: Place, *statements: str) -> None:
    async with plain(place) as database, database.writer.begin() as connection:
        for sql in statements:
            await write(connection, sql)


async def city_in(folder: Path) -> Place:
    async with await open_database(str(folder / "city.db")):
        return Place(str(folder / "city.db"))


async def test_a_source_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    nothing, target = tmp_path / "nothing.db", tmp_path / "target.db"

    with pytest.raises(SettingsError, match=r"nothing\.db: there is no such file"):
        await move(Place(str(nothing)), Place(str(target)), ZONE, never)
    assert not nothing.exists()
    assert not target.exists()


async def test_a_source_without_a_city_is_refused(tmp_path: Path, place: Place) -> None:
    await do(place, "CREATE TABLE stock (item TEXT)")

    with pytest.raises(SettingsError, match="there is no city in it"):
        await move(place, Place(str(tmp_path / "other.db")), ZONE, never)


async def test_half_a_copy_is_no_source(desk: Desk, tmp_path: Path) -> None:
    await halve(desk.database)

    with pytest.raises(SettingsError, match="unfinished copy of somewhere: run the same `manyi db copy` or"):
        await move(Place(desk.where.database), Place(str(tmp_path / "other.db")), ZONE, never)


async def test_an_older_source_says_what_to_do_before_its_upgrade(tmp_path: Path, postgres_url: PostgresUrl) -> None:
    make_old(tmp_path / "old.db", 3)
    file, server = Place(str(tmp_path / "old.db")), Place(postgres_url.url, str(postgres_url.password_file))
    async with plain(server) as database, database.writer.begin() as connection:
        await connection.run_sync(upgrade, FIRST)

    for source, first in ((file, "`manyi backup` it"), (server, "back it up with the program that made that")):
        told = f"its schema is {FIRST} and this program needs {HEAD}: {first}, then run `manyi db upgrade`"
        with pytest.raises(SettingsError, match=told):
            async with open_source(source.url):
                pass
        assert await revision_of_city(source.url) == FIRST


@pytest.mark.parametrize("noted", [None, "ae1027a6acf3", "0001", "0003"])
async def test_a_database_with_other_tables_is_not_empty(tmp_path: Path, place: Place, noted: str | None) -> None:
    source = await city_in(tmp_path)
    statements = ["CREATE TABLE stock (item TEXT)"]
    if noted:
        statements += [
            "CREATE TABLE alembic_version (version_num TEXT)",
            f"INSERT INTO alembic_version VALUES ('{noted}')",  # noqa: S608  (names from this file)
        ]
    await do(place, *statements)

    told = "its schema is another program's" if noted else "there is a table stock"
    with pytest.raises(SettingsError, match=rf"is not empty \({told}\).* left alone: give a new database or file"):
        await move(source, place, ZONE, never)
    await do(place, "DROP TABLE stock")  # nothing was made beside it
    if not noted:
        await move(source, place, ZONE, untold)


async def test_an_older_city_is_not_upgraded_to_be_copied_into(tmp_path: Path) -> None:
    make_old(tmp_path / "old.db", 3)
    before = bytes_of(tmp_path / "old.db")

    with pytest.raises(SettingsError, match=r"is not empty \(its schema is 0001\)"):
        await move(await city_in(tmp_path), Place(str(tmp_path / "old.db")), ZONE, never)
    assert bytes_of(tmp_path / "old.db") == before


async def test_a_file_that_is_empty_may_be_copied_into(tmp_path: Path) -> None:
    (tmp_path / "target.db").touch()

    _, account = await move(await city_in(tmp_path), Place(str(tmp_path / "target.db")), ZONE, untold)

    assert account is not None
    assert account.equal


async def test_two_copies_into_one_server_are_not_at_work_at_once(
    tmp_path: Path, postgres_url: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, place = await city_in(tmp_path), Place(postgres_url.url, str(postgres_url.password_file))
    monkeypatch.setattr(targets, "LOOKS", 2)
    monkeypatch.setattr(targets, "LOOK_S", 0.01)

    async with plain(place) as database:
        await Target(database, "it")._take()
        with pytest.raises(SettingsError, match="another copy or restore is at work on it: wait until it has ended"):
            await move(source, place, ZONE, never)
    _, account = await move(source, place, ZONE, untold)

    assert account is not None
    assert account.equal
