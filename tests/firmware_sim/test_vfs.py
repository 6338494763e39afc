"""The witness in SQLite's file layer: it sees what the disk is told, and what it refuses is an error to SQLite."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest

from firmware_sim.faults import vfs
from firmware_sim.faults.platter import Found, Op, Platter, Removed, Synced, Wrote
from firmware_sim.faults.vfs import Deed, shimmed

PRAGMAS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (x);"


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def test_every_byte_on_the_disk_was_seen(tmp_path: Path) -> None:
    platter = Platter()
    path = tmp_path / "a.db"
    with shimmed(platter.take), opened(path) as connection:
        connection.executescript(PRAGMAS)
        for _ in range(20):
            connection.execute("INSERT INTO t VALUES (randomblob(3000))")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("INSERT INTO t VALUES (1)")
        assert platter.unsynced() == 0
        seen = platter.image(Random(0))
        assert seen == {str(file): file.read_bytes() for file in (path, path.with_name("a.db-wal"))}


def test_a_commit_is_synced_with_full_and_not_with_normal(tmp_path: Path) -> None:
    ops: list[Op] = []
    with shimmed(ops.append), opened(tmp_path / "a.db") as connection:
        connection.executescript(PRAGMAS)
        ops.clear()
        connection.execute("INSERT INTO t VALUES (1)")
        assert isinstance(ops[-1], Synced)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("INSERT INTO t VALUES (1)")
        assert isinstance(ops[-1], Wrote)


def test_a_file_that_was_there_is_told_with_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with opened(path) as connection:
        connection.executescript(PRAGMAS)
    ops: list[Op] = []
    with shimmed(ops.append):
        with opened(path) as connection:
            connection.execute("SELECT * FROM t").fetchall()
        assert ops[0] == Found(str(path), path.read_bytes())
        assert Removed(f"{path}-wal", folder=False) in ops
    ops.clear()
    with opened(path) as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    assert not ops


@pytest.mark.parametrize(
    ("deed", "code", "name"),
    [
        ("write", vfs.FULL, "SQLITE_FULL"),
        ("write", vfs.READ_ONLY, "SQLITE_READONLY"),
        ("write", vfs.EIO_WRITE, "SQLITE_IOERR_WRITE"),
        ("sync", vfs.EIO_SYNC, "SQLITE_IOERR_FSYNC"),
        ("read", vfs.EIO_READ, "SQLITE_IOERR_READ"),
    ],
)
def test_what_the_disk_refuses_is_sqlites_error_and_passes(tmp_path: Path, deed: Deed, code: int, name: str) -> None:
    sick = False

    def refuse(done: Deed, _path: str) -> int:
        return code if sick and done == deed else vfs.OK

    with shimmed(lambda _op: None, refuse), opened(tmp_path / "a.db") as connection:
        connection.executescript(PRAGMAS + "PRAGMA cache_size = 1;")
        connection.executescript("BEGIN;" + "INSERT INTO t VALUES (randomblob(2000));" * 50 + "COMMIT;")
        sick = True
        with pytest.raises(sqlite3.OperationalError) as failed:
            connection.execute("SELECT sum(length(x)) FROM t" if deed == "read" else "INSERT INTO t VALUES (1)")
        assert failed.value.sqlite_errorname == name
        sick = False
        connection.execute("INSERT INTO t VALUES (1)")
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (51,)
