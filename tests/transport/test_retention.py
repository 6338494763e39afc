"""Nothing unsettled is ever evicted, on node or gateway, whatever happens in whatever order; only the city lets go.

The model is naive: which numbers are lit, and which of them a receipt of the city has covered, and when. What the
store holds is read from its file by a second connection, as after a crash.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.ack import Ack, Receipt
from contract.batch import Batch, StreamKey
from contract.bundle import pack
from contract.codec import encode, stored_batch
from contract.errors import StoreFull
from contract.hello import Clock, Welcome
from contract.ranges import Ranges
from contract.rating import Quality, Row
from contract.signing import Signer, public_key
from transport.dating import Dated, Dating
from transport.lanes import Item, Lanes
from transport.outbox import Outbox, Settled
from transport.sender import Sender
from transport.shelf import KEEP_MS, Shelf
from transport.station import Station
from transport.timepiece import Timepiece

NODE = "371721121-a1"
NOON = 1_790_000_000_000
DAY_MS = 24 * 3600 * 1000
SIGNER, CITY = Signer(bytes(32)), Signer(b"9" * 32)
# A receipt is said to be of so many days after noon; rooms are made on such days too.
DAYS = st.integers(0, 70)
RANGE = st.tuples(st.integers(1, 30), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))

Number = tuple[str, int]


def lie(shelf: Shelf, *, full: bool) -> None:
    """Let the disk under `shelf` say that it is full, or that it is not."""
    shelf.disk.free = lambda: 0 if full else 1 << 30  # type: ignore[method-assign]


def on_disk(path: Path) -> dict[Number, int | None]:
    """Every number in the file, and when its batch was settled."""
    found: dict[Number, int | None] = {}
    with closing(sqlite3.connect(path)) as other:
        for raw, at in other.execute("SELECT raw, settled_at FROM batch"):
            batch = stored_batch(raw)
            for number in range(batch.first, batch.last + 1):
                assert (batch.epoch, number) not in found
                found[batch.epoch, number] = at
        if other.execute("SELECT 1 FROM sqlite_schema WHERE name = 'rating'").fetchone():
            for epoch, seq in other.execute("SELECT epoch, seq FROM rating r JOIN stream s ON s.id = r.stream"):
                assert (epoch, seq) not in found
                found[epoch, seq] = None
    return found


@dataclass
class Model:
    """What ought to be there: by number, when it was settled (None: it was not); `batches` are the cut ones."""

    there: dict[Number, int | None] = field(default_factory=dict)
    batches: list[tuple[str, int, int]] = field(default_factory=list)

    def cut(self, items: list[Item]) -> None:
        self.batches += [(item.stream.epoch, item.first, item.last) for item in items]

    def add(self, epoch: str, first: int, last: int) -> None:
        self.there |= {(epoch, number): None for number in range(first, last + 1)}

    def settle(self, epoch: str, pair: tuple[int, int], at: int) -> None:
        for name, first, last in self.batches:
            if name == epoch and pair[0] <= first and last <= pair[1] and self.there[name, first] is None:
                self.there |= {(name, number): at for number in range(first, last + 1)}

    def unsettle(self, epoch: str, pair: tuple[int, int]) -> None:
        for name, first, last in self.batches:
            if name == epoch and first <= pair[1] and pair[0] <= last:
                self.add(name, first, last)

    def evict(self, before: int | None) -> None:
        """What was settled before may go (None: whenever it was); nothing else ever does."""
        self.there = {
            number: at for number, at in self.there.items() if at is None or (before is not None and at >= before)
        }
        self.batches = [one for one in self.batches if (one[0], one[1]) in self.there]


class Store:
    """A shelf and its model, done the same to step by step; `run` numbers the epochs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = Model()
        self.full = False
        self.shelf: Shelf

    async def start(self) -> None:
        self.shelf = await self.opened()
        lie(self.shelf, full=self.full)

    async def opened(self) -> Shelf:
        return await Shelf.open(self.path, reserve=0)

    async def restart(self) -> None:
        await self.shelf.close()
        await self.start()

    async def disk(self, full: bool) -> None:  # noqa: FBT001  (a drawn step)
        self.full = full
        lie(self.shelf, full=full)

    async def settle(self, run: int, pair: tuple[int, int], day: int) -> None:
        stream = StreamKey(NODE, f"{run:010}")
        await self.shelf.settle([(stream, Ranges([pair]), NOON + day * DAY_MS)])
        self.model.settle(stream.epoch, pair, NOON + day * DAY_MS)

    async def unsettle(self, run: int, pair: tuple[int, int]) -> None:
        stream = StreamKey(NODE, f"{run:010}")
        await self.shelf.unsettle({stream: Ranges([pair])})
        self.model.unsettle(stream.epoch, pair)

    async def room(self, day: int | None) -> None:
        now = None if day is None else NOON + day * DAY_MS
        await self.shelf.make_room(now)
        if now is not None:
            self.model.evict(now - KEEP_MS)
        if self.full:
            self.model.evict(None)

    async def check(self) -> None:
        assert on_disk(self.path) == self.model.there
        cut = {(name, n): (name, first) for name, first, last in self.model.batches for n in range(first, last + 1)}
        kept = self.shelf.kept.items()
        assert {(key.epoch, n) for key, pairs in kept for lo, hi in pairs for n in range(lo, hi + 1)} == set(cut)
        waiting = {(i.stream.epoch, n) for i in await self.shelf.unsettled() for n in range(i.first, i.last + 1)}
        assert waiting == {number for number in cut if self.model.there[number] is None}


class NodeStore(Store):
    """The outbox of a node, a new epoch at each start."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.runs = 0
        self.outbox: Outbox

    async def opened(self) -> Shelf:
        self.outbox = await Outbox.open(self.path, reserve=0)
        await self.outbox.begin(StreamKey(NODE, f"{self.runs:010}"), SIGNER, "boot")
        self.runs += 1
        return self.outbox

    async def press(self, dated: bool, cut: bool) -> None:  # noqa: FBT001  (a drawn step)
        at = Dated(NOON, Quality.SYNCHRONISED, 3) if dated else None
        before = self.outbox.last
        try:
            items = await self.outbox.append(Settled("01", 3, 1, 5, at), cut=cut)
        except StoreFull:
            assert self.full
            assert self.outbox.last == before
            return
        assert not self.full
        self.model.cut(items)
        self.model.add(self.outbox.stream.epoch, self.outbox.last, self.outbox.last)

    async def cut(self) -> None:
        self.model.cut(await self.outbox.cut())


class GatewayStore(Store):
    """The journal of a gateway, to which the batches of two epochs come."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.reached = [0, 0]

    async def arrives(self, run: int, size: int) -> None:
        epoch, first = f"{run:010}", self.reached[run] + 1
        try:
            items = await self.shelf.put([signed(first, first + size - 1, epoch)])
        except StoreFull:
            assert self.full
            return
        assert not self.full
        self.reached[run] += size
        self.model.cut(items)
        self.model.add(epoch, first, first + size - 1)


def signed(first: int, last: int, epoch: str = "AAAAAAAAAA") -> tuple[Batch, bytes]:
    rows = [Row(0, "01", 3, 1)] * (last - first + 1)
    batch = Batch(1, NODE, epoch, first, NOON, Quality.SYNCHRONISED, rows)
    return batch, SIGNER.entry(encode(batch))


COMMON = (
    st.just(("restart",)),
    st.tuples(st.just("disk"), st.booleans()),
    st.tuples(st.just("settle"), st.integers(0, 2), RANGE, DAYS),
    st.tuples(st.just("unsettle"), st.integers(0, 2), RANGE),
    st.tuples(st.just("room"), st.none() | DAYS),
)
PRESS = st.tuples(st.just("press"), st.booleans(), st.booleans())
ARRIVES = st.tuples(st.just("arrives"), st.integers(0, 1), st.integers(1, 4))


async def done(store: Store, steps: list[tuple[str, ...]]) -> None:
    """Do all `steps`, each a method's name and its words, and compare after each."""
    await store.start()
    try:
        for name, *words in steps:
            await getattr(store, name)(*words)
            await store.check()
    finally:
        await store.shelf.close()


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.one_of(PRESS, PRESS, st.just(("cut",)), *COMMON), max_size=40))
async def test_a_node_evicts_nothing_unsettled_in_any_order_of_things(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, ...]]
) -> None:
    await done(NodeStore(tmp_path_factory.mktemp("node") / "outbox.db"), steps)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.one_of(ARRIVES, ARRIVES, *COMMON), max_size=40))
async def test_a_gateway_evicts_nothing_unsettled_in_any_order_of_things(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, ...]]
) -> None:
    await done(GatewayStore(tmp_path_factory.mktemp("gateway") / "journal.db"), steps)


class Owner:
    """A house that wants nothing."""

    def last_number(self) -> int:
        return 0

    def config_version(self) -> int:
        return 0

    async def replenish(self) -> list[Item]:
        return []

    async def welcomed(self, missing: object) -> None: ...

    def answered(self, ack: object) -> None: ...

    async def receipted(self, receipts: object) -> None: ...

    async def refused(self, items: object, reason: object) -> None: ...


STREAM = StreamKey(NODE, "AAAAAAAAAA")


def receipt(pair: tuple[int, int], at: int) -> bytes:
    return encode(Receipt(*STREAM, [pair], at))


def held(pair: tuple[int, int], _: int) -> bytes:
    return encode(Ack(*STREAM, held=[pair]))


def settled(pair: tuple[int, int], _: int) -> bytes:
    return encode(Ack(*STREAM, settled=[pair]))


def welcome(pair: tuple[int, int], _: int) -> bytes:
    standing = [Ack(*STREAM, held=[pair], settled=[pair])]
    return encode(Welcome(NODE, f"{STREAM.epoch}.1", "PEERPEER01", Clock("peer boot", 7, NOON), standing))


def by_a_stranger(pair: tuple[int, int], at: int) -> bytes:
    return Signer(b"6" * 32).entry(receipt(pair, at))


def by_the_node_itself(pair: tuple[int, int], at: int) -> bytes:
    return SIGNER.entry(receipt(pair, at))


def stretched(pair: tuple[int, int], at: int) -> bytes:
    """What the city signed for less."""
    _, _, signature = CITY.entry(receipt(pair, at)).partition(b"\n")
    return receipt((pair[0], pair[1] + 3), at) + b"\n" + signature


def by_the_city(pair: tuple[int, int], at: int) -> bytes:
    return CITY.entry(receipt(pair, at))


WORTHLESS = (held, settled, welcome, receipt, by_a_stranger, by_the_node_itself, stretched)


@settings(max_examples=60, deadline=None)
@given(answers=st.lists(st.tuples(st.sampled_from([*WORTHLESS, by_the_city]), RANGE), min_size=1, max_size=12))
async def test_only_a_receipt_that_the_city_signed_lets_go(
    tmp_path_factory: pytest.TempPathFactory,
    answers: list[tuple[Callable[[tuple[int, int], int], bytes], tuple[int, int]]],
) -> None:
    """Whatever a gateway, a broker or anybody on the wire says: short of room only what the city settled goes."""
    shelf = await Shelf.open(tmp_path_factory.mktemp("node") / "shelf.db", reserve=0)
    try:
        items = await shelf.put([signed(first, first + 2) for first in range(1, 40, 3)])
        timepiece = Timepiece(Dating(), boot="boot", boottime_ms=lambda: 5, wall_ms=lambda: 5)
        station = Station(NODE, STREAM.epoch, SIGNER, public_key(CITY.public), timepiece)
        sender = Sender(station, shelf, Lanes(), Owner(), publish=lambda _lane, _payload: True, monotonic=lambda: 5.0)
        sender.link_up()
        await sender._turn()
        let_go: set[int] = set()
        for number, (answer, (lo, hi)) in enumerate(answers):
            sender.receive(pack([answer((lo, hi), NOON + number)]))
            if answer is by_the_city:
                let_go |= {item.id for item in items if lo <= item.first and item.last <= hi}
        await sender._turn()
        lie(shelf, full=True)

        await shelf.make_room(NOON)

        everything = {item.id for item in items}
        assert {item.id for item in await shelf.unsettled()} == everything - let_go
        assert set(await shelf.raws([*everything])) == everything - let_go
    finally:
        await shelf.close()
