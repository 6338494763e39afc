"""SQLite's log as bytes, beside what SQLite itself wrote."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from transport.wal import damaged, frames


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
