"""Whose a folder of files is, and who has it: nothing is lost to a copy, a missing disk, or another process."""

import asyncio
import errno
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.address import url_of
from cloud.contacts import store
from cloud.copy.backup import backup
from cloud.database import Database, open_database
from cloud.orphans import FEW, strays
from cloud.owner import Owner, place_of
from cloud.shelf import CITY, Busy, Shelf
from contract.errors import Unavailable
from tests.cloud.docket import HOUR_MS, person
from tests.cloud.moving import untold
from tests.cloud.sweeping import LI, ROWS, Room, attach, opened
from tests.cloud.where import Where


@pytest.fixture
async def room(database: Database, tmp_path: Path) -> Room:
    return await opened(database, tmp_path)


async def test_a_folder_that_is_not_mounted_has_nothing_deleted(room: Room, where: Where) -> None:
    await room.desk.leave(1, LI, person())
    path = room.folder.shelf.path
    away = path.rename(path.with_name("away"))
    path.mkdir()
    # Neither an empty place, nor none at all.
    assert not await room.desk.delete(1, "群众要求", person())
    path.rmdir()
    with pytest.raises(Unavailable, match=r"1 contacts that were deleted are on the disk still; .*: mount it"):
        await room.sweeper.look()
    assert where.query(ROWS)[0][2] is None
    away.rename(path)
    await room.sweeper.look()
    assert (room.files(), where.query(ROWS)[0][2]) == ([], room.now)


async def test_where_a_folder_is_not_mounted_nothing_is_put(room: Room) -> None:
    await room.desk.leave(1, LI, person())
    await attach(room, b"named")
    for shelf in (room.folder.shelf, room.attachments.shelf):
        away = shelf.path.rename(shelf.path.with_name("away"))
        shelf.path.mkdir()
        with pytest.raises(Unavailable, match=r"it has no \.city and none of the files that .* names: mount"):
            async with shelf.held():
                pass
        assert list(shelf.path.iterdir()) == []
        shelf.path.rmdir()
        away.rename(shelf.path)
    # Where it is lost for good, somebody says so.
    shutil.rmtree(room.folder.shelf.path)
    with pytest.raises(Unavailable, match="make an empty"):
        await room.desk.leave(2, LI, person())
    room.folder.shelf.path.mkdir()
    (room.folder.shelf.path / CITY).touch()
    await room.desk.leave(2, LI, person())
    assert await room.desk.read(2, "回访", person()) == LI


@pytest.fixture
async def drill(room: Room, where: Where, tmp_path: Path) -> AsyncIterator[Room]:
    """A copy of the city on folders of the city itself, which knows nearly all that is in them."""
    for number in range(FEW + 2):
        await attach(room, b"%d" % number)
    await room.desk.leave(1, LI, person())
    await backup(url_of(where.database), tmp_path / "test.db", untold)
    async with await open_database(str(tmp_path / "test.db")) as database:
        yield Room(database, tmp_path)


async def test_a_copy_of_the_city_removes_nothing_from_its_folders(room: Room, drill: Room) -> None:
    since = await attach(room, b"since")
    await room.desk.leave(2, LI, person())
    files = room.files()
    for file in (since, *(room.folder.shelf.path / name for name in files)):
        room.put_back(file, ago=2 * HOUR_MS)
    with pytest.raises(Unavailable, match=r"its \.city says that it is of .*, and this city's database is .*/test\.db"):
        await drill.sweeper.look()
    assert (since.exists(), room.files()) == (True, files)
    # Nor by what somebody does there, and it puts nothing there, which the city itself would sweep away.
    assert not await drill.desk.delete(1, "群众要求", person())
    for doing in (drill.desk.leave(2, LI, person()), attach(drill, b"drill")):
        with pytest.raises(Unavailable, match="give this city a folder of its own"):
            await doing
    assert room.files() == files
    assert await room.desk.read(1, "回访", person()) == LI
    await room.sweeper.look()
    assert (since.exists(), room.files()) == (True, files)


async def test_a_city_that_was_moved_has_its_folders_once_somebody_says_so(room: Room, drill: Room) -> None:
    for shelf in (room.folder.shelf, room.attachments.shelf):
        (shelf.path / CITY).write_bytes(b"")
    await drill.sweeper.look()
    await drill.desk.leave(2, LI, person())
    with pytest.raises(Unavailable, match=r"says that it is of .*/test\.db"):
        await room.sweeper.look()


async def test_of_two_cities_that_take_a_new_folder_at_once_one_has_it(database: Database, tmp_path: Path) -> None:
    async def overtaken(_connection: AsyncConnection) -> dict[str, bool]:
        (tmp_path / "shelf").mkdir()
        (tmp_path / "shelf" / CITY).write_text("/srv/other.db\n", encoding="utf-8")
        return {}

    with pytest.raises(Unavailable, match=r"it is of /srv/other\.db"):
        async with Shelf(tmp_path / "shelf", re.compile("x"), Owner(database.reader, overtaken)).held():
            pass


async def test_a_folder_of_before_is_known_by_a_file_that_a_row_names(room: Room) -> None:
    await room.desk.leave(1, LI, person())
    (room.folder.shelf.path / CITY).unlink()
    await room.sweeper.look()
    assert (room.folder.shelf.path / CITY).read_text(encoding="utf-8") == f"{room.folder.shelf.owner.place}\n"


async def test_where_nothing_was_ever_put_a_look_makes_no_folder(database: Database, tmp_path: Path) -> None:
    fresh = Room(database, tmp_path)
    await fresh.sweeper.look()
    assert not fresh.folder.shelf.path.exists()
    assert not fresh.attachments.shelf.path.exists()
    # Nor is one of unknown files taken by a city that has none.
    fresh.folder.put(LI)
    fresh.now += HOUR_MS
    with pytest.raises(Unavailable, match="none of the files"):
        await fresh.sweeper.look()
    with pytest.raises(Unavailable, match="none of the files"):
        async with fresh.folder.shelf.held():
            pass


@pytest.mark.parametrize(
    ("database", "place"),
    [
        ("/srv/x/../city.db", "/srv/city.db"),
        ("postgresql://li:secret@db:6543/city?sslmode=require", "postgresql://db:6543/city"),
        ("postgres:///city?host=/run/postgresql", "postgresql:///city?host=%2Frun%2Fpostgresql"),
    ],
)
def test_a_city_is_known_by_the_place_of_its_database_alone(database: str, place: str) -> None:
    assert place_of(url_of(database)) == place


async def test_a_folder_of_another_database_is_left_alone(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    files = [room.attachments.where(room.attachments.put(b"%d" % number)) for number in range(FEW + 1)]
    for file in files:
        room.put_back(file, ago=2 * HOUR_MS)
    await room.sweeper.look()
    assert all(file.exists() for file in files)
    assert "is this its database? none is removed" in caplog.text


async def test_while_somebody_puts_a_file_nothing_is_removed(room: Room, where: Where, tmp_path: Path) -> None:
    """The same file as an old orphan is given again: it must not go between its coming and its step."""
    lost = room.attachments.where(room.attachments.put(b"again"))
    room.put_back(lost, ago=2 * HOUR_MS)
    async with await where.open() as database:
        other = Room(database, tmp_path, now=room.now)
        async with room.attachments.shelf.held():
            await other.sweeper.look()
            assert lost.exists()
            named = await attach(room, b"again")
            room.put_back(named, ago=2 * HOUR_MS)
        await other.sweeper.look()
        assert (named, named.exists()) == (lost, True)


async def test_who_has_the_shelf_alone_keeps_others_waiting_and_no_longer_than_they_will(
    database: Database, tmp_path: Path
) -> None:
    shelf, same = (shelf_of(database, tmp_path / "shelf") for _ in range(2))
    async with shelf.held(), same.held():
        with pytest.raises(Busy):
            async with shelf.alone():
                pass
    async with shelf.alone():
        with patch("cloud.shelf.PATIENCE_S", 0.05), pytest.raises(Busy, match=r"somebody else has its \.lock"):
            async with shelf.held():
                pass
        waiting = asyncio.ensure_future(_hold(shelf))
        await asyncio.sleep(0.05)
        assert not waiting.done()
    await waiting


def shelf_of(database: Database, path: Path) -> Shelf:
    return Shelf(path, re.compile("x"), Owner(database.reader, store.files))


async def _hold(shelf: Shelf) -> None:
    async with shelf.held():
        pass


async def test_a_shelf_that_cannot_be_made_or_locked_says_where_and_what_to_do(
    database: Database, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="let the city write there"):
        async with shelf_of(database, tmp_path / "file" / "shelf").held():
            pass
    with (
        patch("cloud.shelf.fcntl.flock", side_effect=OSError(errno.ENOLCK, "no locks available")),
        pytest.raises(Unavailable, match="cannot be taken: no locks available"),
    ):
        async with shelf_of(database, tmp_path / "shelf").held():
            pass


NAMES = st.sampled_from([sha256(b"%d" % number).hexdigest() for number in range(12)])


@given(st.sets(NAMES), st.dictionaries(NAMES, st.booleans()), st.sets(st.sampled_from([".a", ".b"])))
def test_what_a_row_says_is_there_is_never_a_stray(files: set[str], named: Mapping[str, bool], half: set[str]) -> None:
    found = strays([Path(name) for name in files | half], named)
    unknown = files - named.keys()
    if found is None:
        assert len(unknown) > max(FEW, len(named))
    else:
        assert {file.name for file in found} == unknown | half | {name for name in files if named.get(name) is False}
