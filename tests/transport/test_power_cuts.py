"""The power goes at every single write of a node's outbox and of a gateway's journal, and at some in between.

A scenario is played once on a disk with a witness. Then, for every operation that the disk was told, the power goes
right there: what comes back is opened by the product's own code and must be exactly what the last finished call left,
or what the interrupted one leaves; nothing in between, and never a file that is damaged.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from contract.batch import Batch, StreamKey
from contract.bundle import Signed
from contract.codec import decode_batch
from contract.errors import StoreDamaged
from contract.ranges import Ranges
from contract.rating import Quality
from contract.signing import Signer
from firmware_sim.faults.platter import Op, Platter, Removed, Resized, Wrote
from firmware_sim.faults.vfs import shimmed
from transport.dating import Anchor, Dated
from transport.outbox import Outbox, Settled
from transport.shelf import Shelf

pytestmark = [pytest.mark.timeout(120), pytest.mark.bulk]

NODE = "371721121-a1"
NOON = 1_790_000_000_000
SIGNER = Signer(bytes(32))
EPOCH = StreamKey(NODE, "0000000001")
# How many ways the disk comes back from each cut.
WAYS = 2
SHM = Path("/dev/shm")  # noqa: S108  (a folder in memory)

State = dict[str, list[tuple[object, ...]]]


class Step(NamedTuple):
    """After `ops` operations a call had returned, and the store held `state`."""

    ops: int
    state: State


class Reel:
    """What the disk was told, and what each call left."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.steps: list[Step] = []

    async def done(self, shelf: Shelf) -> None:
        self.steps.append(Step(len(self.ops), await held(shelf)))

    def allowed(self, place: int) -> list[State]:
        """What may be found when the power goes after operation `place`; nothing before the store was made."""
        before = [step.state for step in self.steps if step.ops <= place][-1:]
        after = [step.state for step in self.steps if step.ops > place][:1]
        return before + after


async def held(shelf: Shelf) -> State:
    """All that a store holds."""
    tables = [row[0] for row in await shelf.disk.read("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: sorted(map(tuple, await shelf.disk.read(f"SELECT * FROM {name}")), key=repr) for name in tables}  # noqa: S608


def choice(number: int, *, dated: bool) -> Settled:
    when = Dated(NOON + number, Quality.SYNCHRONISED, 3) if dated else None
    return Settled("01", 1 + number % 3, 1, number, when)


async def play_outbox(path: Path, reel: Reel) -> None:
    """Two runs of a node: ratings are appended, dated, cut, settled, pruned, and the file is vacuumed."""
    outbox = await Outbox.open(path, reserve=0)
    await outbox.begin(EPOCH, SIGNER, "boot 1")
    await reel.done(outbox)

    async def then(work: Awaitable[object]) -> None:
        await work
        await reel.done(outbox)

    for number in range(1, 13):
        await then(outbox.append(choice(number, dated=number not in {5, 6}), cut=number % 2 == 0))
        if number == 8:
            await then(outbox.remember(Anchor("boot 1", 4, NOON, 3)))
            await then(outbox.date(lambda _boot, at: Dated(NOON + at, Quality.CORRECTED, 3)))
            await then(outbox.cut())
    await then(outbox.settle([(EPOCH, Ranges([(1, 8)]), NOON)]))
    await then(outbox.prune(NOON + 1))
    await then(outbox.disk.reclaim())
    for number in range(13, 17):
        await then(outbox.append(choice(number, dated=True), cut=True))
    await then(outbox.keep({"config": bytes(5000)}))
    await outbox.close()
    outbox = await Outbox.open(path, reserve=0)
    await then(outbox.settle([(EPOCH, Ranges([(9, 16)]), NOON)]))
    await then(outbox.prune(NOON + 1, 2))
    await outbox.close()


def batch(node: str, first: int) -> tuple[Batch, bytes]:
    raw = SIGNER.entry(
        (
            f'{{"v":1,"node":"{node}","epoch":"0000000001","first":{first},"t0":{NOON},"q":0,'
            f'"rows":[[0,"01",3,1],[9,"02",1,1]]}}'
        ).encode()
    )
    return decode_batch(Signed.of(raw).body), raw


async def play_journal(path: Path, reel: Reel) -> None:
    """A gateway: groups of batches are recorded, settled, given up, pruned."""
    shelf = await Shelf.open(path, reserve=0)
    await reel.done(shelf)

    async def then(work: Awaitable[object]) -> None:
        await work
        await reel.done(shelf)

    nodes = [f"371721121-a{number}" for number in range(1, 6)]
    for node in nodes:
        await then(shelf.stream_id(StreamKey(node, EPOCH.epoch)))
    for first in range(1, 21, 2):
        await then(shelf.put([batch(node, first) for node in nodes]))
    for node in nodes[:2]:
        await then(shelf.settle([(StreamKey(node, EPOCH.epoch), Ranges([(1, 12)]), NOON)]))
    await then(shelf.unsettle({StreamKey(nodes[0], EPOCH.epoch): Ranges([(1, 2)])}))
    await then(shelf.prune(NOON + 1))
    await then(shelf.disk.reclaim())
    await then(shelf.drop(await shelf.within({StreamKey(nodes[4], EPOCH.epoch): Ranges([(3, 6)])})))
    for first in range(21, 25, 2):
        await then(shelf.put([batch(node, first) for node in nodes]))
    await shelf.close()


Play = Callable[[Path, Reel], Awaitable[None]]


async def cuts(folder: Path, reel: Reel) -> AsyncIterator[tuple[int, Path]]:
    """The store as it comes back from a power cut after each operation."""
    platter = Platter()
    for place, op in enumerate(reel.ops, 1):
        platter.take(op)
        for way in range(WAYS if isinstance(op, Wrote | Resized | Removed) else 0):
            room = folder / f"{place}-{way}"
            room.mkdir()
            for name, content in platter.image(Random(f"{place}/{way}")).items():
                (room / Path(name).name).write_bytes(content)
            yield place, room / "store.db"


@pytest.fixture
def memory() -> Iterator[Path]:
    """Where a disk's image is opened: in memory if there is such a folder, for each opening syncs four times."""
    with TemporaryDirectory(dir=SHM if SHM.is_dir() else None) as folder:
        yield Path(folder)


@pytest.mark.parametrize(("play", "kind"), [(play_outbox, Outbox), (play_journal, Shelf)])
async def test_at_every_write_what_was_committed_is_there_and_what_was_not_is_whole_or_not_at_all(
    tmp_path: Path, memory: Path, play: Play, kind: type[Shelf]
) -> None:
    reel = Reel()
    with shimmed(reel.ops.append):
        await play(tmp_path / "store.db", reel)
    later = before = 0
    async for place, path in cuts(memory, reel):
        # Not `open_sound`: no cut may leave a file that has to be put aside.
        shelf = await kind.open(path, reserve=0)
        try:
            found = await held(shelf)
        finally:
            await shelf.close()
        allowed = reel.allowed(place)
        if place < reel.steps[0].ops:
            assert not found["batch"]
            continue
        assert found in allowed, f"after operation {place}, {reel.ops[place - 1]}"
        later += found == allowed[-1] != allowed[0]
        before += found == allowed[0] != allowed[-1]
    # Both happen, or the power never went inside a call.
    assert later > 10
    assert before > 50


async def test_without_syncs_committed_ratings_are_lost_which_this_test_can_see(tmp_path: Path, memory: Path) -> None:
    reel = Reel()
    with shimmed(reel.ops.append):
        outbox = await Outbox.open(tmp_path / "store.db", reserve=0)
        await outbox.begin(EPOCH, SIGNER, "boot 1")
        await outbox.disk._connection.execute("PRAGMA synchronous = NORMAL")
        await reel.done(outbox)
        for number in range(1, 6):
            await outbox.append(choice(number, dated=True), cut=True)
            await reel.done(outbox)
        await outbox.close()
    lost = 0
    async for place, path in cuts(memory, reel):
        if place >= reel.steps[0].ops:
            try:
                outbox = await Outbox.open(path, reserve=0)
            except StoreDamaged:
                lost += 1  # and even noticed: with syncs no two commits can be torn
                continue
            lost += await held(outbox) not in reel.allowed(place)
            await outbox.close()
    assert lost > 0
