"""A real SQLite file: what a commit means, and what each kind of trouble is called."""

import asyncio
import errno
import os
import resource
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from contract.errors import StoreDamaged, StoreFull
from transport import disk as disk_module
from transport import sums
from transport.disk import Disk, look, marks, set_aside

SCHEMA = "CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text TEXT NOT NULL);"
ADD = "INSERT INTO note (text) VALUES (?)"
ALL = "SELECT text FROM note ORDER BY id"


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[Disk]:
    disk = await Disk.open(tmp_path / "store.db", SCHEMA, reserve=0)
    yield disk
    await disk.close()


def outside(disk: Disk) -> list[str]:
    """What a second connection sees: what is committed."""
    with sqlite3.connect(disk.path) as other:
        found = [row[0] for row in other.execute(ALL)]
    other.close()
    return found


async def add(disk: Disk, *texts: str | None) -> None:
    async with disk.transaction() as db:
        for text in texts:
            await db.execute(ADD, (text,))


async def inside(disk: Disk) -> list[str]:
    return [row[0] for row in await disk.read(ALL)]


async def test_a_write_is_on_disk_when_it_returns(disk: Disk) -> None:
    await disk.write(ADD, ("one",))

    assert outside(disk) == ["one"]


async def test_what_a_commit_took_is_counted_once(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_module, "perf_counter", iter([5.0, 5.25, 9.0, 9.5]).__next__)
    await disk.write(ADD, ("one",))
    await add(disk, "two", "three")
    assert (disk.commits.sum_s, list(disk.commits.buckets())[-1]) == (0.75, ("+Inf", 2))


async def test_statements_know_the_sum_of_a_row(disk: Disk) -> None:
    assert [tuple(row) for row in await disk.read("SELECT row_sum('a', 7), row_sum('a', NULL, 'b'), row_sum()")] == [
        (sums.of_row("a", 7), sums.of_row("a", None, "b"), sums.of_row())
    ]


async def test_it_is_written_through(disk: Disk) -> None:
    assert [row[0] for row in await disk.read("PRAGMA synchronous")] == [2]
    assert [row[0] for row in await disk.read("PRAGMA journal_mode")] == ["wal"]
    assert [row[0] for row in await disk.read("PRAGMA auto_vacuum")] == [2]


async def test_a_transaction_is_seen_whole_or_not_at_all(disk: Disk) -> None:
    async with disk.transaction() as db:
        await db.execute(ADD, ("one",))
        await db.execute(ADD, ("two",))
        assert outside(disk) == []
    assert outside(disk) == ["one", "two"]

    with pytest.raises(sqlite3.IntegrityError):
        await add(disk, "three", None)
    assert await inside(disk) == outside(disk) == ["one", "two"]


async def test_nobody_reads_what_is_not_committed(disk: Disk) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def writer() -> None:
        with suppress(KeyError):
            async with disk.transaction() as db:
                await db.execute(ADD, ("one",))
                begun.set()
                await go.wait()
                raise KeyError

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(writer(), name="writer")
        await begun.wait()
        read = tasks.create_task(inside(disk), name="reader")
        await asyncio.sleep(0.02)
        assert not read.done()
        go.set()
    assert read.result() == []


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancelled_transaction_leaves_nothing_open(disk: Disk, turns: int) -> None:
    async def writer() -> None:
        async with disk.transaction() as db:
            await db.execute(ADD, ("one",))
            await db.execute(ADD, ("two",))

    async with asyncio.TaskGroup() as tasks:
        write = tasks.create_task(writer(), name="writer")
        for _ in range(turns):
            await asyncio.sleep(0)
        write.cancel()

    await disk.write(ADD, ("three",))
    assert outside(disk) in (["three"], ["one", "two", "three"])
    async with disk.transaction() as db:
        await db.execute(ADD, ("four",))
    assert outside(disk)[-1] == "four"


async def test_full_is_when_only_the_reserve_is_left(tmp_path: Path) -> None:
    room = os.statvfs(tmp_path)
    disk = await Disk.open(tmp_path / "store.db", SCHEMA, reserve=room.f_blocks * room.f_frsize)

    assert disk.free() == 0
    with pytest.raises(StoreFull, match="less than"):
        disk.require_room()
    await disk.write(ADD, ("acks still commit",))
    assert await inside(disk) == ["acks still commit"]
    await disk.close()


async def test_room_is_what_others_may_use_less_the_reserve(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    room = os.statvfs_result((4096, 512, 1000, 900, 800, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: room if path == disk.path.parent else None)
    assert disk.free() == 800 * 512
    disk._reserve = 800 * 512 - 1
    assert disk.free() == 1
    disk.require_room()
    disk._reserve += 1
    assert disk.free() == 0
    with pytest.raises(StoreFull) as caught:
        disk.require_room()
    assert str(caught.value) == f"{disk.path}: less than {800 * 512} bytes free; make room on this disk"


async def test_a_disk_that_does_not_say_how_full_it_is_is_as_full_as_it_last_was(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = disk.free()

    def torn_out(_: Path) -> os.statvfs_result:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "statvfs", torn_out)
    assert disk.free() == known > 0
    assert not disk.full
    never_asked = await Disk.open(tmp_path / "new.db", "")
    assert never_asked.free() == 0
    await never_asked.close()


async def test_not_full(disk: Disk) -> None:
    assert disk.free() > 0
    disk.require_room()


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of this process may grow beyond 96 KiB, as on a disk that is full to the last byte."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (96 * 1024, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_write_that_finds_no_room_is_none_and_the_store_lives_on(disk: Disk, small_files: None) -> None:
    await disk.write(ADD, ("one",))
    big = "x" * 200_000
    with pytest.raises(StoreFull):
        await disk.write(ADD, (big,))
    with pytest.raises(StoreFull):
        await add(disk, "two", big)

    assert await inside(disk) == ["one"]
    await disk.write(ADD, ("three",))
    assert outside(disk) == ["one", "three"]


async def test_a_disk_that_took_no_write_is_full_until_it_takes_one(disk: Disk, small_files: None) -> None:
    """Whatever room it says it has: read-only, over a quota, or failing."""
    big = "x" * 200_000
    full = [disk.full]
    for failing in (disk.write(ADD, (big,)), add(disk, big)):
        with pytest.raises(StoreFull):
            await failing
        assert disk.free() > 0
        full.append(disk.full)
        await disk.probe()
        full.append(disk.full)
    assert full == [False, True, False, True, False]


async def test_a_disk_that_still_takes_nothing_stays_full(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreFull) as caught:
        await disk.write("INSERT INTO nowhere VALUES (1)")
    assert str(caught.value) == f"{disk.path}: cannot be used: no such table: nowhere (SQLITE_ERROR)"
    statements: list[str] = []

    async def stubborn(statement: str, values: object = ()) -> None:
        statements.append(statement)
        raise StoreFull("still none")

    monkeypatch.setattr(disk, "write", stubborn)
    await disk.probe()
    full = [disk.full]
    monkeypatch.undo()
    for _ in range(2):
        await disk.probe()
        full.append(disk.full)
    assert full == [True, False, False]
    assert len(statements) == 1


async def test_what_is_asked_of_a_sound_disk_costs_no_write(disk: Disk) -> None:
    before = list(disk.commits.buckets())
    await disk.probe()
    assert list(disk.commits.buckets()) == before


async def test_full_is_also_when_only_the_reserve_is_left(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Disk, "free", lambda _: 0)
    assert disk.full


async def test_a_new_store_where_there_is_no_room(tmp_path: Path, small_files: None) -> None:
    schema = SCHEMA + "".join(f"CREATE TABLE t{number} (a);" for number in range(100))
    with pytest.raises(StoreFull):
        await Disk.open(tmp_path / "store.db", schema)


async def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreFull, match=r"nowhere/store\.db: cannot be used: unable to open"):
        await Disk.open(tmp_path / "nowhere" / "store.db", SCHEMA)


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"not a database at all " * 500)

    with pytest.raises(StoreDamaged) as caught:
        await Disk.open(tmp_path / "store.db", SCHEMA)
    assert str(caught.value) == f"{tmp_path / 'store.db'}: file is not a database"


async def test_a_file_with_a_hole(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    disk = await Disk.open(path, SCHEMA)
    async with disk.transaction() as db:
        await db.executemany(ADD, [("x" * 300,) for _ in range(500)])
    await disk.close()
    with path.open("r+b") as file:
        file.seek(4096 * 5)
        file.write(b"\xff" * 4096 * 3)

    with pytest.raises(StoreDamaged):
        await Disk.open(path, SCHEMA)


async def test_a_log_whose_synced_commits_are_damaged(tmp_path: Path, disk: Disk) -> None:
    for text in ("one", "two", "three", "four"):
        await disk.write(ADD, (text,))
    log = disk.path.with_name("store.db-wal")
    content = bytearray(log.read_bytes())
    # In the third frame from the end: two commits stand behind it.
    content[len(content) - 2 * 4120 - 9] ^= 1
    (tmp_path / "other.db").write_bytes(disk.path.read_bytes())
    (tmp_path / "other.db-wal").write_bytes(content)
    with pytest.raises(StoreDamaged) as caught:
        await Disk.open(tmp_path / "other.db", SCHEMA)
    assert str(caught.value) == f"{tmp_path / 'other.db-wal'}: synced commits in it are damaged"


async def test_what_the_check_says_is_said(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    await disk.write("CREATE TABLE short (text TEXT)")
    await disk.write("INSERT INTO short VALUES (NULL)")
    await disk.write("PRAGMA writable_schema = 1")
    await disk.write("UPDATE sqlite_schema SET sql = 'CREATE TABLE short (text TEXT NOT NULL)' WHERE name = 'short'")
    await disk.write("PRAGMA writable_schema = RESET")
    with pytest.raises(StoreDamaged) as caught:
        await disk._check()
    assert str(caught.value) == f"{disk.path}: NULL value in short.text"


async def test_a_look_reads_beside_who_has_it_open_and_writes_nothing(disk: Disk, tmp_path: Path) -> None:
    await add(disk, "one", "two")
    assert look(disk.path, "SELECT id, text FROM note WHERE text = :text", {"text": "two"}) == [(2, "two")]
    assert look(disk.path, ALL) == [("one",), ("two",)]
    with pytest.raises(StoreFull, match="readonly"):
        look(disk.path, ADD, ("three",))
    with pytest.raises(StoreFull, match=r"none\.db: cannot be used: unable to open"):
        look(tmp_path / "none.db", ALL)
    assert not (tmp_path / "none.db").exists()


def test_marks_are_as_many_as_the_values() -> None:
    assert [marks(range(count)) for count in range(4)] == ["", "?", "?,?", "?,?,?"]


async def test_damage_met_on_the_way(disk: Disk) -> None:
    async with disk.transaction() as db:
        await db.executemany(ADD, [("x" * 300,) for _ in range(3000)])
    await disk.read("PRAGMA wal_checkpoint(TRUNCATE)")
    with disk.path.open("r+b") as file:
        file.seek(4096 * 5)
        file.write(b"\xff" * 4096 * 200)

    with pytest.raises(StoreDamaged, match=r"store\.db: database disk image is malformed"):
        await inside(disk)
    with pytest.raises(StoreDamaged, match=r"store\.db: database disk image is malformed"):
        await disk.write("UPDATE note SET text = 'y'")


async def test_an_open_that_is_cancelled_or_fails_oddly_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def cancelled(_: Disk) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(Disk, "_check", cancelled)
    with pytest.raises(asyncio.CancelledError):
        await Disk.open(tmp_path / "store.db", SCHEMA)


async def test_our_own_mistakes_are_not_called_a_full_disk(disk: Disk) -> None:
    await disk.write("INSERT INTO note VALUES (1, 'one')")

    with pytest.raises(sqlite3.IntegrityError):
        await disk.write("INSERT INTO note VALUES (1, 'again')")
    with pytest.raises(sqlite3.IntegrityError):
        await add(disk, None)
    with pytest.raises(sqlite3.ProgrammingError):
        await disk.read(ALL, (5,))


async def test_what_was_deleted_goes_back_to_the_disk(disk: Disk) -> None:
    async with disk.transaction() as db:
        await db.executemany(ADD, [("x" * 300,) for _ in range(3000)])
    await disk.reclaim()
    before = disk.path.stat().st_size
    await disk.write("DELETE FROM note")

    await disk.reclaim()

    assert before > 900_000
    assert disk.path.stat().st_size < before / 10
    assert disk.path.with_name("store.db-wal").stat().st_size == 0


async def test_a_disk_that_takes_nothing_more_cannot_be_tidied_and_lives_on(disk: Disk) -> None:
    async with disk.transaction() as db:
        await db.executemany(ADD, [("x" * 300,) for _ in range(3000)])
    await disk.write("DELETE FROM note")
    await disk.read("PRAGMA wal_checkpoint(TRUNCATE)")
    before = disk.path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        with pytest.raises(StoreFull, match=r"store\.db: cannot be used"):
            await disk.reclaim()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    await disk.reclaim()
    assert disk.path.stat().st_size < before / 10


def test_a_damaged_store_is_put_aside_with_all_its_parts(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    for number in (1, 2):
        for tail in ("", "-wal") if number == 1 else ("", "-shm"):
            (tmp_path / f"store.db{tail}").write_text(f"{number}{tail}")
        assert set_aside(path) == tmp_path / f"store.db.damaged-{number}"

    found = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert found == {
        "store.db.damaged-1": "1",
        "store.db.damaged-1-wal": "1-wal",
        "store.db.damaged-2": "2",
        "store.db.damaged-2-shm": "2-shm",
    }
