"""What deletes contacts by itself, and files that no row names: by the clock, over restarts, beside others."""

import asyncio
import errno
import os
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.attachments import store as attachments
from cloud.attachments.folder import Folder as Attachments
from cloud.cases.case import Attachment
from cloud.cases.request import Request
from cloud.changes import store as changes
from cloud.contacts import store
from cloud.contacts.desk import ContactDesk
from cloud.contacts.folder import Folder
from cloud.contacts.policy import Policy, shipped
from cloud.contacts.rules import Contact, NotTaken
from cloud.contacts.worker import LOOK_S, ORPHAN_MS, Sweeper
from cloud.database import Database
from cloud.orphans import FEW, Orphans, strays
from cloud.shelf import LOCK, Busy, Shelf
from contract.errors import Unavailable
from tests.cloud.docket import DAY_MS, HOUR_MS, NOON, WINDOW, desk_of, person, put, request, whole
from tests.cloud.where import Where

OTHER = f"{WINDOW[:-2]}02"
LI = Contact("13812345678", "李女士")
ROWS = "SELECT file, deletes_at, deleted_at, deleted_by FROM contact ORDER BY recorded_at, file"


class Room:
    """A city's contacts and attachments in `folder`, whose clock a test turns; made anew, it is another process."""

    def __init__(self, database: Database, folder: Path, now: int = NOON) -> None:
        self.now = now
        self.database = database
        self.folder = Folder(folder / "contacts", random_bits=lambda _bits: int.from_bytes(os.urandom(16), "big"))
        self.attachments = Attachments(folder / "attachments")
        self.cases = desk_of(database, lambda: self.now)
        self.desk = ContactDesk(database, self.cases, self.folder, policy=shipped(), now=lambda: self.now)
        orphans = [
            Orphans(self.folder.shelf, database.reader, store.files),
            Orphans(self.attachments.shelf, database.reader, attachments.files),
        ]
        self.sweeper = Sweeper(database, self.desk, orphans, policy=shipped(), now=lambda: self.now)

    def files(self) -> list[str]:
        """The names of all contacts' files."""
        path = self.folder.shelf.path
        return sorted(file.name for file in path.iterdir() if file.name != LOCK) if path.is_dir() else []

    def put_back(self, file: Path, *, ago: int) -> None:
        """Let `file` have been put so long (ms) ago by our clock."""
        moment = (self.now - ago) / 1000
        os.utime(file, (moment, moment))


@pytest.fixture
async def room(database: Database, tmp_path: Path) -> Room:
    await put(database, WINDOW, OTHER)
    return Room(database, tmp_path)


async def end(room: Room, number: int) -> None:
    """Let a case with a contact come to its end."""
    for action in ("contact", "verify", "rectify", "reply", "revisit", "close"):
        await room.cases.act(number, request(action, rating=3), person())


def failing(*, times: int = 10**9) -> Callable[..., None]:
    """An unlink that fails so often, and works then."""
    real, left = Path.unlink, [times]

    def unlink(self: Path, *, missing_ok: bool = False) -> None:
        if left[0]:
            left[0] -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(self, missing_ok=missing_ok)

    return unlink


async def test_a_contact_is_deleted_days_after_its_case_has_ended_over_restarts_too(
    room: Room, where: Where, tmp_path: Path
) -> None:
    await room.desk.leave(1, LI, person())
    await room.desk.leave(2, LI, person())
    room.now += 400 * DAY_MS
    await room.sweeper.look()
    # While the case is open it stays.
    assert len(room.files()) == 2
    await end(room, 1)
    closed = room.now
    room.now += 30 * DAY_MS - 1
    await room.sweeper.look()
    assert len(room.files()) == 2
    async with await where.open() as database:
        later = Room(database, tmp_path, now=closed + 30 * DAY_MS)
        await later.sweeper.look()
        assert len(later.files()) == 1
        found = await whole(database)
        assert (found.case.contact, found.case.state) == (False, "closed")
        last = found.steps[-1]
        assert (last.who, last.action, last.at, last.body.text) == ("system", "delete_contact", later.now, "")
        with pytest.raises(NotTaken, match="no contact"):
            await later.desk.read(1, "回访", person())
        async with database.reader.connect() as connection:
            (told,) = await changes.page(connection, 1 << 53, 1)
        assert (told.who, told.what, told.subject) == ("system", "end-contact", "case 1")
        steps = len(found.steps)
        await later.sweeper.look()
        assert len((await whole(database)).steps) == steps
        assert (await later.desk.read(2, "回访", person())) == LI


async def test_an_unfounded_case_keeps_its_contact_as_long(room: Room) -> None:
    await room.desk.leave(1, LI, person())
    await room.cases.act(1, request("call_unfounded"), person())
    await room.cases.act(1, request("uphold_unfounded"), person(name="wang"))
    for later, left in ((30 * DAY_MS - 1, 1), (1, 0)):
        room.now += later
        await room.sweeper.look()
        assert len(room.files()) == left


async def test_a_file_that_cannot_be_deleted_is_tried_again_and_its_row_says_so_only_then(
    room: Room, where: Where, tmp_path: Path
) -> None:
    await room.desk.leave(1, LI, person())
    await end(room, 1)
    room.now += 30 * DAY_MS
    with patch("cloud.shelf.Path.unlink", failing()):
        for _ in range(2):
            with pytest.raises(Unavailable, match="1 contacts that were deleted are on the disk still"):
                await room.sweeper.look()
    (row,) = where.query(ROWS)
    assert (row[1:], len(room.files())) == ((room.now, None, "system"), 1)
    # What the disk does not have for good is not said to be gone.
    with (
        patch("transport.deposit.os.fsync", side_effect=OSError(errno.EIO, "")),
        pytest.raises(Unavailable, match="on the disk still"),
    ):
        await room.sweeper.look()
    assert where.query(ROWS)[0][2] is None
    async with await where.open() as database:
        later = Room(database, tmp_path, now=room.now + 60_000)
        await later.sweeper.look()
        assert (where.query(ROWS)[0][2], later.files()) == (later.now, [])


async def test_trouble_is_told_by_the_rounds_and_ends_with_it(room: Room) -> None:
    await room.desk.leave(1, LI, person())
    with patch("cloud.shelf.Path.unlink", failing(times=2)):
        assert not await room.desk.delete(1, "群众要求", person())
        waits: list[str | None] = []

        async def waited(_seconds: float) -> None:
            waits.append(room.sweeper.trouble)
            if len(waits) == 2:
                raise asyncio.CancelledError

        with patch("cloud.rounds.asyncio.sleep", waited), pytest.raises(asyncio.CancelledError):
            await room.sweeper.run()
    assert waits == ["1 contacts that were deleted are on the disk still", None]
    assert LOOK_S <= 60


async def test_a_folder_that_is_not_mounted_has_nothing_deleted(room: Room, where: Where) -> None:
    await room.desk.leave(1, LI, person())
    path = room.folder.shelf.path
    away = path.rename(path.with_name("away"))
    assert not await room.desk.delete(1, "群众要求", person())
    assert where.query(ROWS)[0][2] is None
    away.rename(path)
    await room.sweeper.look()
    assert (room.files(), where.query(ROWS)[0][2]) == ([], room.now)


async def test_of_two_processes_that_delete_at_once_both_end_well(room: Room, where: Where, tmp_path: Path) -> None:
    await room.desk.leave(1, LI, person())
    await room.desk.leave(2, LI, person())
    await end(room, 1)
    await end(room, 2)
    room.now += 30 * DAY_MS
    async with await where.open() as database:
        other = Room(database, tmp_path, now=room.now)
        await asyncio.gather(room.sweeper.look(), other.sweeper.look())
    for number in (1, 2):
        found = await whole(room.database, number)
        assert [step.action for step in found.steps].count("delete_contact") == 1
    await room.sweeper.look()
    assert (room.files(), [row[2] for row in where.query(ROWS)]) == ([], [room.now] * 2)


async def test_a_death_between_file_and_row_leaves_a_file_that_is_swept_and_no_row(room: Room, where: Where) -> None:
    await room.desk.leave(1, LI, person())
    (kept,) = room.files()
    path = room.folder.shelf.path
    # As a process leaves it that is killed behind the file, and one that is killed while it writes.
    lost = room.folder.put(LI)
    half = path / f".{'a' * 32}.{'b' * 16}"
    half.write_bytes(b'{"telephone":"138')
    (path / "readme.txt").write_bytes(b"an administrator's own")
    assert [row[0] for row in where.query(ROWS)] == [kept]
    for file in path.iterdir():
        room.put_back(file, ago=ORPHAN_MS)
    await room.sweeper.look()
    assert {lost, half.name} < {*room.files()}
    room.now += 1
    # Looked for once an hour.
    await room.sweeper.look()
    assert lost in room.files()
    room.now += HOUR_MS
    await room.sweeper.look()
    assert room.files() == sorted([kept, "readme.txt"])
    assert await room.desk.read(1, "回访", person()) == LI


async def test_each_orphan_that_is_removed_is_a_line_of_the_log(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    lost = room.folder.put(LI)
    room.put_back(room.folder.shelf.path / lost, ago=2 * HOUR_MS)
    await room.sweeper.look()
    assert [line for line in caplog.messages if lost in line] == [
        f"removed a file that no row names: {room.folder.shelf.path / lost}"
    ]
    assert LI.telephone not in caplog.text


async def test_a_deleted_contact_that_a_copy_of_the_folder_brings_back_is_removed_again(room: Room) -> None:
    for _ in range(2):
        await room.desk.leave(1, LI, person())
    await room.desk.delete(1, "群众要求", person())
    async with room.database.reader.connect() as connection:
        named = await store.files(connection)
    for name in named:
        (room.folder.shelf.path / name).write_bytes(b"{}")
        room.put_back(room.folder.shelf.path / name, ago=2 * HOUR_MS)
    await room.sweeper.look()
    assert room.files() == []


async def attach(room: Room, raw: bytes, number: int = 1) -> Path:
    digest = room.attachments.put(raw)
    wish = Request("attach", attachment=Attachment("x.txt", digest, "text/plain", len(raw)))
    await room.cases.act(number, wish, person())
    return room.attachments.where(digest)


async def test_files_of_cases_that_no_step_names_are_removed_and_the_others_are_not(room: Room) -> None:
    named = await attach(room, b"named")
    lost = room.attachments.where(room.attachments.put(b"lost"))
    half = lost.with_name(f".{lost.name}.{'a' * 16}")
    quarter = lost.with_name(f".{half.name}.{'b' * 16}")
    alien = lost.with_name("notes")
    for file in (half, quarter, alien):
        file.write_bytes(b"x")
    young = room.attachments.where(room.attachments.put(b"young"))
    for file in (named, lost, half, quarter, alien):
        room.put_back(file, ago=2 * HOUR_MS)
    room.put_back(young, ago=HOUR_MS - 1)
    await room.sweeper.look()
    there = [file.exists() for file in (named, young, alien, lost, half, quarter)]
    assert there == [True, True, True, False, False, False]


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


async def test_who_has_the_shelf_alone_keeps_others_waiting_and_no_longer_than_they_will(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf", re.compile("x"))
    async with shelf.held(), Shelf(tmp_path / "shelf", re.compile("x")).held():
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


async def _hold(shelf: Shelf) -> None:
    async with shelf.held():
        pass


async def test_a_shelf_that_cannot_be_made_or_locked_says_where_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="let the city write there"):
        async with Shelf(tmp_path / "file" / "shelf", re.compile("x")).held():
            pass
    with (
        patch("cloud.shelf.fcntl.flock", side_effect=OSError(errno.ENOLCK, "no locks available")),
        pytest.raises(Unavailable, match="cannot be taken: no locks available"),
    ):
        async with Shelf(tmp_path / "shelf", re.compile("x")).held():
            pass


async def test_a_folder_that_cannot_be_swept_holds_up_neither_the_other_nor_deletions(room: Room) -> None:
    await room.desk.leave(1, LI, person())
    lost = room.attachments.where(room.attachments.put(b"lost"))
    room.put_back(lost, ago=2 * HOUR_MS)
    real = Shelf.old

    def old(self: Shelf, until: int) -> list[Path]:
        if self is room.folder.shelf:
            raise OSError(errno.EIO, "input/output error")
        return real(self, until)

    with patch.object(Shelf, "old", old), pytest.raises(Unavailable, match="input/output error: let the city"):
        await room.sweeper.look()
    assert not lost.exists()


NAMES = st.sampled_from([sha256(b"%d" % number).hexdigest() for number in range(12)])


@given(st.sets(NAMES), st.dictionaries(NAMES, st.booleans()), st.sets(st.sampled_from([".a", ".b"])))
def test_what_a_row_says_is_there_is_never_a_stray(files: set[str], named: Mapping[str, bool], half: set[str]) -> None:
    found = strays([Path(name) for name in files | half], named)
    unknown = files - named.keys()
    if found is None:
        assert len(unknown) > max(FEW, len(named))
    else:
        assert {file.name for file in found} == unknown | half | {name for name in files if named.get(name) is False}


def test_the_name_of_a_contacts_file_comes_from_the_given_bits_alone(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "contacts", random_bits=lambda bits: (1 << bits) - 1)
    assert folder.put(LI) == "f" * 32
    with pytest.raises(Unavailable, match="File exists"):
        folder.put(LI)
    assert folder.get("f" * 32) == LI


async def test_of_two_processes_that_read_at_once_one_has_the_last_reading_of_the_hour(
    room: Room, where: Where, tmp_path: Path
) -> None:
    await room.desk.leave(1, LI, person())
    await room.desk.leave(2, LI, person())
    async with await where.open() as database:
        desks = [
            ContactDesk(at_work, cases, room.folder, policy=Policy("x", 30, 1), now=lambda: NOON)
            for at_work, cases in ((room.database, room.cases), (database, desk_of(database, lambda: NOON)))
        ]
        found = await asyncio.gather(
            *(one.read(number, "回访", person()) for number, one in enumerate(desks, 1)), return_exceptions=True
        )
    assert sorted(type(one).__name__ for one in found) == ["Contact", "NotTaken"]
    assert [str(one) for one in found if isinstance(one, NotTaken)] == [str(NotTaken("too_many"))]
