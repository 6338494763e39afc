"""The whole hop, the real sender and the real receiver, in virtual time over a link that loses, doubles and reorders.

Nothing here sleeps, and only the stores are doubles: they are in memory, survive a crash, and let other tasks in before
and after each commit, so that a crash can fall anywhere. 100 stories of some 120 steps run in CI; a night's worth is

    pytest tests/transport/test_interleavings.py --hypothesis-profile=millions
"""

import asyncio
import heapq
import logging
import re
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from random import Random
from typing import NamedTuple, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.ack import Ack
from contract.batch import Batch, StreamKey
from contract.bundle import Signed, unpack
from contract.codec import decode, decode_batch, encode, is_batch
from contract.errors import Reason, StoreFull
from contract.hello import Hello, Welcome
from contract.identity import epoch_text
from contract.keys import Key
from contract.prompt import Answer
from contract.ranges import Ranges
from contract.rating import Quality, Row
from contract.signing import Signer, public_key
from transport.dating import Anchor, Dating, Tie
from transport.intake import Group, Quarantined, Verified
from transport.lanes import Item, Lane, Lanes, Limits
from transport.receiver import Receiver
from transport.sender import Sender
from transport.shelf import Shelf
from transport.station import Station
from transport.timepiece import Timepiece

# What a story reaches each module's own tests reach too.
pytestmark = pytest.mark.bulk

NODE, GATEWAY = "371721121-a1", "371721121-g0"
SIGNER, CITY = Signer(b"1" * 32), Signer(b"9" * 32)
KEY = public_key(SIGNER.public)
NOON = 1_790_000_000_000
# Small bounds, so that short stories reach them.
LIMITS = Limits(bundle_bytes=1200, first_backlog_bytes=700, live_items=4)
# What is refused rests for an hour; then all must have come through.
SETTLE_S = 2.5 * 3600
T = TypeVar("T")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Millions of lines about full disks are no use to anybody."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Whenever nobody has anything to do now, it is the next timer's time."""

    def __init__(self) -> None:
        super().__init__()
        self._clock = 0.0

    def time(self) -> float:
        return self._clock

    def _run_once(self) -> None:
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        while timers and timers[0].cancelled():
            self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
            heapq.heappop(timers)._scheduled = False  # type: ignore[attr-defined]
        if not self._ready:  # type: ignore[attr-defined]
            assert timers, "everybody waits for nothing"
            self._clock = max(self._clock, timers[0].when())
        super()._run_once()  # type: ignore[misc]


def in_virtual_time(story: Coroutine[object, object, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(story)


class LawBroken(AssertionError):  # noqa: N818  (it is named as the verdict reads)
    """What the checker says."""


class MemoryShelf(Shelf):
    """A shelf without a disk. What is in `durable` survives a crash; `breathe` is where one may fall."""

    def __init__(
        self, durable: dict[int, tuple[Batch, bytes]], breathe: Callable[[], Coroutine[None, None, None]]
    ) -> None:
        self.durable = durable
        self._breathe = breathe
        self.full = False
        self.void = {}

    @property
    def kept(self) -> Mapping[StreamKey, Ranges]:
        numbers: dict[StreamKey, list[tuple[int, int]]] = {}
        for batch, _ in self.durable.values():
            numbers.setdefault(batch.stream, []).append((batch.first, batch.last))
        return {stream: Ranges(pairs) for stream, pairs in numbers.items()}

    def _items(self) -> list[Item]:
        return [Item(id_, b.stream, b.first, b.last, len(raw)) for id_, (b, raw) in sorted(self.durable.items())]

    async def put(self, batches: Sequence[tuple[Batch, bytes]]) -> list[Item]:
        await self._breathe()
        if self.full:
            raise StoreFull("full")
        new = dict(enumerate(batches, max(self.durable, default=0) + 1))
        self.durable |= new
        await self._breathe()
        return [item for item in self._items() if item.id in new]

    async def holds(self, batch: Batch, raw: bytes) -> bool:
        await self._breathe()
        return any(known == raw for _, known in self.durable.values())

    async def raws(self, ids: Sequence[int]) -> dict[int, bytes]:
        await self._breathe()
        return {id_: self.durable[id_][1] for id_ in ids if id_ in self.durable}

    async def unsettled(self) -> list[Item]:
        await self._breathe()
        return self._items()

    async def within(self, numbers: Mapping[StreamKey, Ranges]) -> list[Item]:
        await self._breathe()
        return [i for i in self._items() if i.stream in numbers and numbers[i.stream].touches(i.first, i.last)]

    async def remember(self, learnt: Anchor | Tie) -> None:
        await self._breathe()


def station(name: str, epoch: str) -> Station:
    clock = asyncio.get_running_loop().time
    timepiece = Timepiece(Dating(), boot=name, boottime_ms=lambda: int(clock() * 1000), wall_ms=lambda: 0)
    return Station(name, epoch, SIGNER, public_key(CITY.public), timepiece)


class Uncut(NamedTuple):
    """A rating that is committed and not in a batch."""

    stream: StreamKey
    seq: int
    level: int


class Node:
    """The sending side. Its disk is `durable` and `uncut`; everything else begins anew with `start`."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.durable: dict[int, tuple[Batch, bytes]] = {}
        self.uncut: list[Uncut] = []
        self.runs = 0
        self.work: asyncio.Task[None] | None = None
        self.connected = False

    def start(self) -> None:
        self.runs += 1
        self.stream = StreamKey(NODE, self.epoch())
        self.last = self.first_number()
        self.shelf = MemoryShelf(self.durable, self.world.breathe)
        self.sender = Sender(
            station(NODE, self.stream.epoch),
            self.shelf,
            Lanes(LIMITS),
            self,
            publish=self._publish,
            monotonic=asyncio.get_running_loop().time,
        )
        self.connected = False
        self.work = self.world.begin(self.sender.run(), "sender")

    def epoch(self) -> str:
        return epoch_text(self.runs)

    def first_number(self) -> int:
        return 0

    async def crash(self) -> None:
        if self.work is not None:
            self.work.cancel()
            with suppress(asyncio.CancelledError):
                await self.work
        self.work = None
        self.connected = False

    def connect(self) -> None:
        if self.work is not None and not self.connected:
            self.connected = True
            self.sender.link_up()

    def disconnect(self) -> None:
        if self.work is not None and self.connected:
            self.connected = False
            self.sender.link_down()

    def runs_as(self, run: int) -> bool:
        return self.work is not None and self.runs == run

    async def press(self, level: int) -> None:
        """A settled choice, as the outbox takes it: the number is given by the commit; then the light."""
        if self.work is None:
            return
        run, now = self.runs, self.sender.lanes.idle
        await self.world.breathe()
        if not self.runs_as(run):
            return
        self.last += 1
        rating = Uncut(self.stream, self.last, level)
        self.world.committed[rating.stream, rating.seq] = level
        self.uncut.append(rating)
        if now and len(self.uncut) == 1:
            self.sender.offer(self._cut())
        else:
            self.sender.poke()
        await self.world.breathe()
        if self.runs_as(run):
            self.world.lit[rating.stream, rating.seq] = level

    def _cut(self) -> list[Item]:
        ids = []
        while self.uncut:
            stream = self.uncut[0].stream
            run = [rating for rating in self.uncut if rating.stream == stream][:5]
            self.uncut = [rating for rating in self.uncut if rating not in run]
            rows = [Row(0, "01", rating.level, 1) for rating in run]
            batch = Batch(1, *stream, run[0].seq, NOON, Quality.SYNCHRONISED, rows)
            ids.append(max(self.durable, default=0) + 1)
            self.durable[ids[-1]] = (batch, SIGNER.entry(encode(batch)))
        return [item for item in self.shelf._items() if item.id in ids]

    def _publish(self, lane: Lane, payload: bytes) -> bool:
        if self.connected:
            self.world.sent(payload)
            self.world.carry(payload, self.world.gateway.arrive)
        return self.connected

    def arrive(self, payload: bytes) -> None:
        if self.work is not None and self.connected:
            self.sender.receive(payload)

    # What the sender asks its owner:

    def last_number(self) -> int:
        return self.last

    def config_version(self) -> int:
        return 0

    async def replenish(self) -> Iterable[Item]:
        await self.world.breathe()
        items = self._cut()
        await self.world.breathe()
        return items

    async def welcomed(self, missing: Mapping[StreamKey, Ranges]) -> None:
        await self.world.breathe()

    def answered(self, ack: Ack) -> None:
        pass

    async def receipted(self, receipts: object) -> None:
        raise AssertionError("nobody sends receipts here")

    async def refused(self, items: Iterable[Item], reason: Reason) -> None:
        await self.world.breathe()


class ReusingNode(Node):
    """Breaks law 3: a restart goes on in the epoch that it finds, behind the last batch that it finds."""

    def epoch(self) -> str:
        return epoch_text(1)

    def first_number(self) -> int:
        return max((batch.last for batch, _ in self.durable.values()), default=0) // 2


class Gateway:
    """The receiving side. Its disk is `durable`."""

    receiver_class = Receiver

    def __init__(self, world: "World") -> None:
        self.world = world
        self.durable: dict[int, tuple[Batch, bytes]] = {}
        self.runs = 0
        self.work: asyncio.Task[None] | None = None
        self.knows_the_node = True
        self.hates = 0

    def start(self) -> None:
        self.runs += 1
        self.shelf = MemoryShelf(self.durable, self.world.breathe)
        self.station = station(GATEWAY, epoch_text(1 << 30 | self.runs))
        self.receiver = self.receiver_class(self.station, self.shelf, self, answer=self._answer)
        self.work = self.world.begin(self.receiver.run(), "receiver")
        nobody = Welcome(NODE, "-", self.station.epoch, self.station.timepiece.clock(), [])
        self._answer(NODE, encode(nobody))

    async def crash(self) -> None:
        if self.work is not None:
            self.work.cancel()
            with suppress(asyncio.CancelledError):
                await self.work
        self.work = None

    def arrive(self, payload: bytes) -> None:
        if self.work is not None:
            if self.hates and len(payload) > self.hates:
                payload = payload[:-1] + b"\x00\nwhat no line may begin with"
            self.receiver.receive(NODE, payload)

    def _answer(self, node: str, payload: bytes) -> None:
        for entry in unpack(payload):
            said = decode(entry.body)
            if isinstance(said, Ack):
                self.world.acked(said)
            elif isinstance(said, Welcome):
                for standing in said.streams:
                    self.world.acked(standing)
        self.world.carry(payload, self.world.node.arrive)

    # What the receiver asks its owner:

    def keys_of(self, node: str) -> Sequence[Key]:
        return [Key(KEY)] if self.knows_the_node else []

    def settled_of(self, stream: StreamKey) -> Ranges:
        return Ranges()

    def recorded(self, items: list[Item], batches: list[Verified]) -> None:
        pass

    def greeted(self, hello: Hello, raw: bytes) -> Iterable[bytes]:
        return ()

    def became(self, answer: Answer) -> None:
        pass

    def quarantined(self, bad: Quarantined) -> None:
        pass


class HastyReceiver(Receiver):
    """Breaks law 1: acknowledges before it has recorded."""

    async def _serve(self, group: Group) -> None:
        self._reply(group)
        await self._record(group.batches)


class HastyGateway(Gateway):
    receiver_class = HastyReceiver


class ForgetfulReceiver(Receiver):
    """Counts twice: a resend is recorded again."""

    async def _record(self, batches: list[Verified]) -> None:
        if batches:
            self._owner.recorded(await self._shelf.put(batches), batches)


class ForgetfulGateway(Gateway):
    receiver_class = ForgetfulReceiver


class World:
    """Both sides, the link between them, and the checker."""

    def __init__(self, node: type[Node] = Node, gateway: type[Gateway] = Gateway) -> None:
        self.loop = asyncio.get_running_loop()
        self.chance = Random(1)
        self.loss = self.doubling = 0.0
        self.delay = 0.01
        self.committed: dict[tuple[StreamKey, int], int] = {}
        self.lit: dict[tuple[StreamKey, int], int] = {}
        self.on_the_wire: dict[tuple[StreamKey, int], bytes] = {}
        self.backup: dict[int, tuple[Batch, bytes]] = {}
        self.failed: list[BaseException] = []
        self.steps = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self.node = node(self)
        self.gateway = gateway(self)
        self.gateway.start()
        self.node.start()

    def begin(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        task = self.loop.create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed.append(error)

    async def breathe(self) -> None:
        """Let the others in; sometimes a disk takes its time."""
        await asyncio.sleep(self.chance.choice([0, 0, 0, 0.004, 0.05]))

    def carry(self, payload: bytes, arrive: Callable[[bytes], None]) -> None:
        if self.chance.random() < self.loss:
            return
        for _ in range(2 if self.chance.random() < self.doubling else 1):
            self.loop.call_later(self.chance.uniform(0, self.delay), partial(self._deliver, payload, arrive))

    def _deliver(self, payload: bytes, arrive: Callable[[bytes], None]) -> None:
        try:
            arrive(payload)
        except AssertionError as broken:
            self.failed.append(broken)

    # The checker:

    def sent(self, payload: bytes) -> None:
        """A batch goes out: its bytes are those of the first time, and so is each number's."""
        for entry in unpack(payload):
            if not is_batch(entry.body):
                continue
            batch = decode_batch(entry.body)
            for number in range(batch.first, batch.last + 1):
                if self.on_the_wire.setdefault((batch.stream, number), entry.raw) != entry.raw:
                    self.failed.append(LawBroken(f"number {number} went out in two batches"))

    def acked(self, ack: Ack) -> None:
        """An ack goes out: what it says is on the gateway's disk."""
        here = self.gateway.shelf.kept.get(ack.stream, Ranges())
        if not all(here.covers(lo, hi) for lo, hi in ack.held):
            self.failed.append(LawBroken(f"{ack} goes out, and {here} is here"))

    def check(self) -> None:
        if self.failed:
            raise self.failed[0]
        seen: dict[tuple[StreamKey, int], int] = {}
        for batch, raw in self.gateway.durable.values():
            if decode_batch(Signed.of(raw).body) != batch:
                raise LawBroken("other bytes than were signed")
            for place, row in enumerate(batch.rows):
                if seen.setdefault((batch.stream, batch.first + place), batch.first) != batch.first or (
                    self.committed.get((batch.stream, batch.first + place)) != row.level
                ):
                    raise LawBroken(f"number {batch.first + place} is not what was pressed")
        if len({raw for _, raw in self.gateway.durable.values()}) != len(self.gateway.durable):
            raise LawBroken("a batch is recorded twice")

    def check_all_arrived(self) -> None:
        self.check()
        there = {
            (batch.stream, batch.first + place): row.level
            for batch, _ in self.gateway.durable.values()
            for place, row in enumerate(batch.rows)
        }
        if there != self.committed:
            raise LawBroken(f"{len(self.committed) - len(there)} ratings are missing")
        if not self.lit.items() <= there.items():
            raise LawBroken("a lit choice is missing")
        if self.node.sender.lanes.unacknowledged():
            raise LawBroken("all is there, and the node does not know")

    async def act(self, action: str, number: int) -> None:
        self.steps += 1
        await getattr(self, action)(number)
        await asyncio.sleep(0)
        self.check()

    # What can happen, each with a number that says how:

    async def press(self, number: int) -> None:
        for _ in range(1 + number % 4):
            self.begin(self.node.press(1 + number % 3), "press")

    async def wait(self, number: int) -> None:
        await asyncio.sleep([0.001, 0.02, 0.3, 2.1, 7, 31, 61, 600][number % 8])

    async def connect(self, number: int) -> None:
        self.node.connect()

    async def disconnect(self, number: int) -> None:
        self.node.disconnect()

    async def weather(self, number: int) -> None:
        self.loss = [0.0, 0.1, 0.5, 1.0][number % 4]
        self.doubling = [0.0, 0.3, 0.9][number // 4 % 3]
        self.delay = [0.01, 0.5, 5.0, 40.0][number // 12 % 4]

    async def node_crashes(self, number: int) -> None:
        await self.node.crash()
        await self.breathe()
        self.node.start()

    async def gateway_crashes(self, number: int) -> None:
        await self.gateway.crash()
        await asyncio.sleep([0, 0.1, 5][number % 3])
        self.gateway.start()

    async def disk_dies(self, number: int) -> None:
        await self.gateway.crash()
        self.gateway.durable = {}
        self.backup = {}
        self.gateway.start()

    async def back_up(self, number: int) -> None:
        self.backup = dict(self.gateway.durable)

    async def restore(self, number: int) -> None:
        await self.gateway.crash()
        self.gateway.durable = dict(self.backup)
        self.gateway.start()

    async def roster(self, number: int) -> None:
        self.gateway.knows_the_node = number % 3 > 0

    async def full(self, number: int) -> None:
        self.gateway.shelf.full = number % 2 == 0

    async def hate(self, number: int) -> None:
        self.gateway.hates = [0, 0, 900, 300][number % 4]

    async def end(self) -> None:
        """The faults end; in bounded time all is well."""
        self.loss = self.doubling = 0.0
        self.delay = 0.01
        self.gateway.knows_the_node = True
        self.gateway.shelf.full = False
        self.gateway.hates = 0
        self.node.connect()
        deadline = self.loop.time() + SETTLE_S
        while self.loop.time() < deadline and (self.node.uncut or self.node.sender.lanes.unacknowledged()):
            await asyncio.sleep(30)
        # Two hellos more: what the node believes is told and asked once again.
        await asyncio.sleep(125)
        if any(item in self.node.sender._resting for item in self.node.shelf._items()):
            await asyncio.sleep(SETTLE_S)
        self.check_all_arrived()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.wait(self.tasks)


ACTIONS = [
    *["press"] * 6,
    *["wait"] * 6,
    *["connect"] * 3,
    *["disconnect", "weather", "node_crashes", "gateway_crashes", "disk_dies", "back_up", "restore"],
    *["roster", "full", "hate"],
]
STORY = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 47)), min_size=80, max_size=160)
ANY_STORY = settings(deadline=None, suppress_health_check=list(HealthCheck))

total = 0


async def tell(story: list[tuple[str, int]], node: type[Node] = Node, gateway: type[Gateway] = Gateway) -> World:
    global total  # noqa: PLW0603
    world = World(node, gateway)
    world.node.connect()
    for action, number in story:
        await world.act(action, number)
    await world.end()
    total += world.steps
    return world


@pytest.mark.timeout(180 if settings().max_examples <= 100 else 0)
@ANY_STORY
@given(STORY)
def test_whatever_happens_every_choice_arrives_once(story: list[tuple[str, int]]) -> None:
    in_virtual_time(tell(story))


def test_that_was_enough() -> None:
    assert total == 0 or total >= 8_000


def seeded(seed: int, without: Sequence[str] = ()) -> list[tuple[str, int]]:
    chance = Random(seed)
    return [(chance.choice([a for a in ACTIONS if a not in without]), chance.randrange(48)) for _ in range(150)]


def test_a_calm_day_arrives_at_once() -> None:
    async def day() -> None:
        world = World()
        world.node.connect()
        for _ in range(100):
            await world.act("press", 3)
            await asyncio.sleep(0.4)
        world.check_all_arrived()
        await world.end()
        assert len(world.lit) == 400

    in_virtual_time(day())


def test_a_gateway_whose_disk_died_asks_for_everything_again_within_seconds() -> None:
    async def story() -> None:
        world = World()
        world.node.connect()
        for _ in range(50):
            await world.act("press", 3)
            await asyncio.sleep(1)
        await world.act("node_crashes", 0)
        world.node.connect()
        await asyncio.sleep(5)
        assert len(world.gateway.durable) > 20
        await world.act("disk_dies", 0)
        assert world.gateway.durable == {}
        await asyncio.sleep(20)
        world.check_all_arrived()
        await world.end()

    in_virtual_time(story())


def test_a_rating_pressed_while_backlog_flows_overtakes_it() -> None:
    async def story() -> None:
        world = World()
        world.delay = 0.2
        for _ in range(200):
            await world.act("press", 3)
        world.node.connect()
        await asyncio.sleep(3)
        waiting = world.node.sender.lanes.ratings()
        await world.act("press", 0)
        await asyncio.sleep(1.5)
        newest = max(world.committed)
        assert any(newest[1] in Ranges([(b.first, b.last)]) for b, _ in world.gateway.durable.values())
        assert waiting > world.node.sender.lanes.ratings() > 100
        await world.end()

    in_virtual_time(story())


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (partial(tell, gateway=HastyGateway), "goes out, and"),
        (partial(tell, node=ReusingNode), "went out in two batches|is not what was pressed"),
        (partial(tell, gateway=ForgetfulGateway), "recorded twice"),
    ],
    ids=["acknowledges before it records", "gives a number twice", "records a resend again"],
)
def test_the_checker_turns_red_when_a_law_is_broken(
    broken: Callable[[list[tuple[str, int]]], Coroutine[object, object, World]], why: str
) -> None:
    found: list[str] = []
    for seed in range(12):
        try:
            in_virtual_time(broken(seeded(seed)))
        except LawBroken as red:
            found.append(str(red))
    assert len(found) >= 4
    assert all(re.search(why, red) for red in found)


@pytest.mark.parametrize("seed", range(3))
def test_the_checker_is_green_on_the_same_stories(seed: int) -> None:
    in_virtual_time(tell(seeded(seed)))
