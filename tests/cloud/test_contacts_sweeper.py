"""What deletes contacts by itself, and files that no row names: by the clock, over restarts, beside others."""

import asyncio
import errno
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from unittest.mock import patch

import pytest

from cloud.cases.case import CaseRefused
from cloud.changes import store as changes
from cloud.contacts import store
from cloud.contacts.desk import ContactDesk
from cloud.contacts.folder import Folder
from cloud.contacts.policy import Policy
from cloud.contacts.rules import Contact, NotTaken
from cloud.contacts.worker import ORPHAN_MS
from cloud.database import Database
from cloud.owner import Owner
from cloud.people.rules import Person
from cloud.shelf import Shelf
from contract.errors import Unavailable
from tests.cloud.docket import DAY_MS, HOUR_MS, NOON, WINDOW, desk_of, person, request, whole
from tests.cloud.sweeping import LI, ROWS, Room, attach, opened, put_lost
from tests.cloud.where import Where


@pytest.fixture
async def room(database: Database, tmp_path: Path) -> Room:
    return await opened(database, tmp_path)


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


async def test_a_case_whose_contact_cannot_be_deleted_holds_up_no_other(room: Room) -> None:
    await room.desk.leave(1, LI, person())
    await room.desk.leave(2, LI, person())
    await end(room, 1)
    await end(room, 2)
    lost = await put_lost(room)
    room.now += 30 * DAY_MS
    room.put_back(room.folder.shelf.path / lost, ago=2 * HOUR_MS)
    real = ContactDesk.delete

    async def failing_once(self: ContactDesk, number: int, reason: str, who: Person | None) -> bool:
        if number == 1:
            raise Unavailable("database: no answer")
        return await real(self, number, reason, who)

    told = "1 contacts whose time was over are not deleted, of case 1: database: no answer"
    with patch.object(ContactDesk, "delete", failing_once), pytest.raises(Unavailable, match=told):
        await room.sweeper.look()
    assert (len(room.files()), (await whole(room.database, 2)).case.contact) == (1, False)
    await room.sweeper.look()
    assert room.files() == []


async def test_any_number_of_files_that_can_never_be_deleted_keep_no_other_on_the_disk(
    room: Room, where: Where
) -> None:
    async with room.database.writer.begin() as connection:
        for number in range(201):
            await store.put(connection, f"{number:032x}", 10 + number, LI, NOON, "li")
            await store.end(connection, 10 + number, NOON + number, "li")
    await room.desk.leave(1, LI, person())
    (last,) = room.files()
    real = Path.unlink

    def unlink(self: Path, *, missing_ok: bool = False) -> None:
        if self.name.startswith("0" * 29):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(self, missing_ok=missing_ok)

    with patch("cloud.shelf.Path.unlink", failing(times=1)):
        room.now += HOUR_MS
        assert not await room.desk.delete(1, "群众要求", person())
    with patch("cloud.shelf.Path.unlink", unlink), pytest.raises(Unavailable, match=r"^201 contacts that were deleted"):
        await room.sweeper.look()
    gone = where.query("SELECT file FROM contact WHERE deleted_at IS NOT NULL")
    assert (room.files(), gone) == ([], [(last,)])


async def test_trouble_is_told_by_the_rounds_and_ends_with_it(room: Room) -> None:
    await room.desk.leave(1, LI, person())
    with patch("cloud.shelf.Path.unlink", failing(times=2)):
        assert not await room.desk.delete(1, "群众要求", person())
        waits: list[tuple[float, str | None]] = []

        async def waited(seconds: float) -> None:
            waits.append((seconds, room.sweeper.trouble))
            if len(waits) == 2:
                raise asyncio.CancelledError

        with patch("cloud.rounds.asyncio.sleep", waited), pytest.raises(asyncio.CancelledError):
            await room.sweeper.run()
    # Each minute, as citizens are told in docs/privacy.md.
    assert waits == [(60.0, "1 contacts that were deleted are on the disk still"), (60.0, None)]


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


async def test_a_clock_that_ran_ahead_for_a_while_does_not_silence_the_sweep(room: Room) -> None:
    room.now += 30 * DAY_MS
    await room.sweeper.look()
    room.now -= 30 * DAY_MS
    lost = await put_lost(room)
    room.put_back(room.folder.shelf.path / lost, ago=2 * HOUR_MS)
    await room.sweeper.look()
    assert room.files() == []


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


def test_the_name_of_a_contacts_file_comes_from_the_given_bits_alone(database: Database, tmp_path: Path) -> None:
    owner = Owner(database.reader, store.files)
    folder = Folder(tmp_path / "contacts", owner, random_bits=lambda bits: (1 << bits) - 1)
    assert folder.put(LI) == "f" * 32
    with pytest.raises(Unavailable, match="File exists"):
        folder.put(LI)
    assert folder.get("f" * 32) == LI


async def together(where: Where, *deeds: Coroutine[None, None, object]) -> list[object]:
    """Let deeds that write in the log come as far as they can before the first of them is done."""
    async with await where.open() as database, database.writer.begin() as connection:
        await changes.note(connection, NOON, "li", "read-contact", "case 9", WINDOW)
        doing = asyncio.gather(*deeds, return_exceptions=True)
        await asyncio.sleep(0.3)
        assert not doing.done()
        await connection.rollback()
        return await doing


async def test_of_two_who_leave_a_contact_at_once_the_second_waits_and_is_refused_and_its_file_is_gone(
    room: Room, where: Where, tmp_path: Path
) -> None:
    async with await where.open() as database:
        other = Room(database, tmp_path)
        found = await together(
            where,
            room.desk.leave(1, LI, person(), seen=1),
            other.desk.leave(1, Contact("13987654321"), person(name="wang"), seen=1),
        )
    (refused,) = (one for one in found if one is not None)
    assert isinstance(refused, CaseRefused)
    assert refused.kind == "changed"
    assert room.files() == [row[0] for row in where.query(ROWS)]
    kept = await room.desk.read(1, "回访", person())
    assert kept == (LI if found[0] is None else Contact("13987654321"))


async def test_of_two_who_replace_and_delete_a_contact_at_once_one_does(
    room: Room, where: Where, tmp_path: Path
) -> None:
    await room.desk.leave(1, LI, person())
    async with await where.open() as database:
        other = Room(database, tmp_path)
        found = await together(
            where,
            room.desk.leave(1, Contact("13987654321"), person(), seen=2),
            other.desk.delete(1, "群众要求", person(name="wang"), seen=2),
        )
    assert [type(one) for one in found if isinstance(one, Exception)] == [CaseRefused]
    assert room.files() == [row[0] for row in where.query(ROWS) if row[3] is None]


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
