"""SQLite's log as bytes, beside what SQLite itself wrote."""

import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from transport.wal import Frame, damaged, frames, mended

SIZE = 512
MAGIC = 0x377F0682


@pytest.fixture
def log(tmp_path: Path) -> bytes:
    """The log of two commits, of which the first has several pages."""
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE note (text TEXT);")
        connection.execute("INSERT INTO note VALUES (?)", ("x" * 20_000,))
        return path.with_name("store.db-wal").read_bytes()


def test_every_frame_that_sqlite_wrote_is_sound(log: bytes) -> None:
    found = list(frames(log))
    assert all(frame.sound for frame in found)
    assert [frame.commit > 0 for frame in found].count(True) == 2
    assert len(log) == 32 + len(found) * (24 + 4096)
    assert not damaged(log)


def test_a_log_that_has_hardly_begun_or_whose_header_is_damaged_has_no_frames(log: bytes) -> None:
    assert list(frames(b"")) == list(frames(log[:31])) == list(frames(log[:32])) == []
    for place in (0, 3, 10, 17, 30):
        assert list(frames(log[:place] + bytes([log[place] ^ 1]) + log[place + 1 :])) == []


def test_what_an_earlier_generation_left_behind_is_not_of_this_one(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE note (text TEXT);")
        for _ in range(5):
            connection.execute("INSERT INTO note VALUES ('before')")
        connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        connection.execute("INSERT INTO note VALUES ('after')")
        log = path.with_name("store.db-wal").read_bytes()
    assert len(log) > 32 + 5 * (24 + 4096)
    [only] = frames(log)
    assert only.sound
    assert b"after" in only.content
    assert not damaged(log)


def page(letter: bytes) -> bytes:
    return letter * SIZE


def summed(content: bytes, before: tuple[int, int], order: str) -> tuple[int, int]:
    """As SQLite's documentation has it, word by word."""
    one, two = before
    words = iter(struct.unpack(f"{order}{len(content) // 4}I", content))
    for first, second in zip(words, words, strict=True):
        one = (one + first + two) % (1 << 32)
        two = (two + second + one) % (1 << 32)
    return one, two


def written(pages: Sequence[tuple[int, int, bytes]], order: str = "<", magic: int | None = None) -> bytes:
    """A log of `pages`: number, size of the database where it ends a commit, content."""
    head = struct.pack(">6I", magic or MAGIC + (order == ">"), 3_007_000, SIZE, 0, 11, 22)
    sums = summed(head, (0, 0), order)
    log = head + struct.pack(">2I", *sums)
    for number, commit, content in pages:
        own = struct.pack(">2I", number, commit)
        sums = summed(own + content, sums, order)
        log += own + struct.pack(">4I", 11, 22, *sums) + content
    return log


def broken(log: bytes, frame: int) -> bytes:
    """The same with one bit of the content of its `frame`th frame flipped."""
    at = 32 + frame * (24 + SIZE) + 24 + 100
    return log[:at] + bytes([log[at] ^ 16]) + log[at + 1 :]


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_log_of_either_byte_order_is_read(order: str) -> None:
    pages = [(3, 0, bytes(range(256)) * 2), (1, 3, page(b"\xff")), (2, 4, page(b"c"))]
    log = written(pages, order)
    assert list(frames(log)) == [
        Frame(number, commit, sound=True, content=content) for number, commit, content in pages
    ]
    for frame in range(3):
        assert [found.sound for found in frames(broken(log, frame))] == [place != frame for place in range(3)]
    # A frame that was not written to its end is none.
    assert len(list(frames(log[:-1]))) == 2


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_header_of_another_kind_of_file_is_none(order: str) -> None:
    for magic in (MAGIC - 1, MAGIC + 2):
        assert list(frames(written([(1, 1, page(b"a"))], order, magic))) == []
    # Each order has its own magic.
    assert list(frames(written([(1, 1, page(b"a"))], order, MAGIC + (order == "<")))) == []


def test_a_frame_of_either_other_salt_is_none_and_the_next_goes_on_from_its_sums() -> None:
    log = written([(1, 1, page(b"a")), (1, 1, page(b"b")), (1, 1, page(b"c"))])
    for salt in (8, 12):
        at = 32 + 24 + SIZE + salt
        assert [frame.content for frame in frames(log[:at] + b"\7" + log[at + 1 :])] == [page(b"a"), page(b"c")]


@pytest.mark.parametrize("frame", range(6))
def test_two_commits_behind_a_broken_frame_are_damage_and_one_is_none(frame: int) -> None:
    # Three commits, of which the second has three frames.
    log = written([(1, 2, page(b"a")), *((n, n // 4 * 4, page(b"b")) for n in (2, 3, 4)), *[(1, 4, page(b"c"))] * 2])
    assert damaged(broken(log, frame)) is (frame < 4)
    assert not damaged(log)


def test_a_torn_commit_of_many_frames_is_one_commit_and_a_database_of_one_page_has_commits_too() -> None:
    torn = written([(1, 4, page(b"a")), *((number, number // 4 * 4, page(b"b")) for number in (1, 2, 3, 4))])
    assert not damaged(broken(torn, 1))
    assert damaged(broken(written([(1, 1, page(b"a"))] * 3), 0))


def test_what_was_committed_is_put_into_the_database_and_what_was_not_is_left() -> None:
    database = page(b"a") * 4
    log = written([(2, 0, page(b"b")), (6, 6, page(b"c")), (1, 0, page(b"d"))])
    whole = mended(database, [*frames(log)])
    first = page(b"a")[:18] + b"\1\1" + page(b"a")[20:]
    assert whole == first + page(b"b") + page(b"a") * 2 + bytes(SIZE) + page(b"c")
    # A commit can leave fewer pages.
    log = written([(2, 0, page(b"b")), (6, 6, page(b"c")), (1, 0, page(b"d")), (2, 2, page(b"f"))])
    assert mended(database, [*frames(log)]) == page(b"d")[:18] + b"\1\1" + page(b"d")[20:] + page(b"f")


def test_a_page_of_a_broken_frame_is_as_the_frame_before_left_it() -> None:
    log = written([(2, 2, page(b"b")), (2, 2, page(b"c")), (3, 3, page(b"d"))])
    head = b"\0" * 18 + b"\1\1" + bytes(SIZE - 20)
    assert mended(bytes(SIZE), [*frames(log)]) == head + page(b"c") + page(b"d")
    assert mended(bytes(SIZE), [*frames(broken(log, 1))]) == head + page(b"b") + page(b"d")
    # The end of a commit is gone: what it had before goes in with the next.
    log = written([(2, 0, page(b"b")), (1, 2, page(b"c")), (3, 3, page(b"d"))])
    assert mended(bytes(SIZE), [*frames(broken(log, 1))]) == head + page(b"b") + page(b"d")


def test_a_mended_file_has_all_that_sqlite_would_have_read(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE note (text TEXT);")
        connection.executemany("INSERT INTO note VALUES (?)", [("x" * number,) for number in range(200)])
        whole = mended(path.read_bytes(), [*frames(path.with_name("store.db-wal").read_bytes())])
    other = tmp_path / "mended.db"
    other.write_bytes(whole)
    with closing(sqlite3.connect(f"{other.as_uri()}?immutable=1", uri=True)) as connection:
        assert connection.execute("SELECT count(*), sum(length(text)) FROM note").fetchone() == (200, 19900)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
