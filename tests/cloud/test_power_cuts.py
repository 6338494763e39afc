"""The power goes at every write of the city's SQLite ledger: what was acknowledged stands, and the books agree."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from cloud.database import open_database
from cloud.ledger.rules import Lane
from contract.ack import Ack
from contract.bundle import unpack
from contract.codec import decode
from contract.ranges import Ranges
from firmware_sim.evidence import contradictions
from firmware_sim.faults.platter import Op, Platter, Removed, Resized, Wrote
from firmware_sim.faults.vfs import shimmed
from firmware_sim.siege import ZONE
from proof import ledger
from tests.cloud.conftest import EPOCH, NODE, Said, entry, hello, open_desk
from tests.cloud.where import InFile

pytestmark = pytest.mark.timeout(120)


SHM = Path("/dev/shm")  # noqa: S108  (a folder in memory)
WAYS = 3


@pytest.fixture
def memory() -> Iterator[Path]:
    """Where a disk's image is opened: in memory if there is such a folder, for each opening syncs."""
    with TemporaryDirectory(dir=SHM if SHM.is_dir() else None) as folder:
        yield Path(folder)


async def test_at_every_write_what_was_acknowledged_stands_and_the_books_agree(
    tmp_path: Path, upgraded_file: Path, memory: Path
) -> None:
    ops: list[Op] = []
    # How far the acks said that the stream is settled, by the operations that the disk had been told by then.
    said: list[tuple[int, Ranges]] = [(0, Ranges())]

    def heard(one: Said) -> None:
        acks = [decode(part.body) for part in unpack(one.payload)]
        pairs = [pair for ack in acks if isinstance(ack, Ack) for pair in ack.settled]
        said.append((len(ops), Ranges([*said[-1][1].pairs, *pairs])))

    with shimmed(ops.append):
        async with open_desk(InFile(tmp_path, upgraded_file)) as desk:
            desk.on_publish = heard
            for first in range(1, 40, 3):
                lane: Lane = "live" if first % 2 else "backlog"
                await desk.exchange(
                    entry(first, ("01", 3), ("02", 1), ("77", 2)), hello(NODE, last=first + 2), lane=lane
                )
                if first % 10 == 1:
                    await desk.exchange(b"rubbish", entry(first, ("01", 1), ("02", 1)))
            async with desk.database.reader.connect() as connection:
                await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            await desk.exchange(entry(40, ("01", 3)))
    platter = Platter()
    unsaid = 0
    for place, op in enumerate(ops, 1):
        platter.take(op)
        for way in range(WAYS if isinstance(op, Wrote | Resized | Removed) else 0):
            path = memory / f"{place}-{way}" / "city.db"
            path.parent.mkdir()
            for name, content in platter.image(Random(f"{place}/{way}")).items():
                path.with_name(Path(name).name).write_bytes(content)
            if place % 16 == way:  # the city's own opening takes longer than all else here
                await (await open_database(str(path))).close()
            with closing(sqlite3.connect(path)) as recovering:
                assert recovering.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            stands = Ranges((one.seq, one.seq) for one in ledger.read(path) if (one.node, one.epoch) == (NODE, EPOCH))
            assert not contradictions(path, ZONE)
            promised = [numbers for ops_then, numbers in said if ops_then < place][-1]
            assert not promised - stands, f"after operation {place}, {op}"
            unsaid += stands != promised
    assert said[-1][1].pairs == ((1, 40),)
    # Committed and not said yet: or no power went between a commit and its ack.
    assert unsaid > 8
