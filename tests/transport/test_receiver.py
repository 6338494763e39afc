"""Verify, dedupe, record, acknowledge, on a real store; and what happens when the disk is full or the flood comes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contract.ack import Ack, Receipt, Refusal
from contract.batch import Batch, StreamKey
from contract.bundle import MAX_PAYLOAD, Signed, pack, unpack
from contract.codec import Entry, decode, encode
from contract.errors import Reason
from contract.hello import Clock, Hello, Stream, Welcome
from contract.keys import Key
from contract.prompt import Answer
from contract.ranges import Ranges
from contract.rating import Quality, Row
from contract.signing import Signer, public_key
from transport import receiver as receiver_module
from transport.dating import Dating
from transport.disk import Disk
from transport.intake import Quarantined, Verified
from transport.lanes import Item
from transport.receiver import GROUP, GROUP_BYTES, QUEUE, QUEUE_BYTES, Receiver
from transport.shelf import Shelf
from transport.station import Station
from transport.timepiece import Timepiece

NODE = "371721121-a1"
OTHER = "371721121-a2"
STREAM = StreamKey(NODE, "AAAAAAAAAA")
SIGNER = Signer(b"1" * 32)
CITY = Signer(b"9" * 32)


class House:
    """Knows two nodes; notes what the receiver tells it, and answers of the receiver by what was on disk just then."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.settled: dict[StreamKey, Ranges] = {}
        self.new: list[Item] = []
        self.bad: list[Quarantined] = []
        self.said: list[Entry] = []
        self.told: list[tuple[str, Entry]] = []
        self.payloads: list[bytes] = []
        self.extra: list[bytes] = []
        self.answers: list[Answer] = []

    def keys_of(self, node: str) -> Sequence[Key]:
        return [Key(public_key(SIGNER.public))] if node in {NODE, OTHER} else []

    def settled_of(self, stream: StreamKey) -> Ranges:
        return self.settled.get(stream, Ranges())

    def recorded(self, items: list[Item], batches: list[Verified]) -> None:
        assert [(item.first, item.last) for item in items] == [(batch.first, batch.last) for batch, _ in batches]
        self.new += items

    def greeted(self, hello: Hello, raw: bytes) -> Iterable[bytes]:
        assert decode(Signed.of(raw).body) == hello
        return self.extra

    def became(self, answer: Answer) -> None:
        self.answers.append(answer)

    def quarantined(self, bad: Quarantined) -> None:
        self.bad.append(bad)

    def answer(self, node: str, payload: bytes) -> None:
        self.payloads.append(payload)
        for entry in unpack(payload):
            said = decode(entry.body)
            if isinstance(said, Ack):
                for lo, hi in said.held:
                    assert self.shelf.kept[said.stream].covers(lo, hi), "acknowledged before it was recorded"
            self.said.append(said)
            self.told.append((node, said))


def idle(house: House) -> Receiver:
    timepiece = Timepiece(Dating(), boot="boot", boottime_ms=lambda: 5, wall_ms=lambda: 0)
    station = Station("371721121-g0", "GGGGGGGGGG", SIGNER, public_key(CITY.public), timepiece)
    return Receiver(station, house.shelf, house, answer=house.answer)


@asynccontextmanager
async def working(shelf: Shelf) -> AsyncIterator[tuple[Receiver, House]]:
    house = House(shelf)
    receiver = idle(house)
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(receiver.run(), name="receiver")
        yield receiver, house
        work.cancel()


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    shelf = await Shelf.open(tmp_path / "journal.db", reserve=0)
    yield shelf
    await shelf.close()


async def said(house: House, count: int) -> list[Entry]:
    async with asyncio.timeout(10):
        while len(house.said) < count:
            await asyncio.sleep(0.002)
    await asyncio.sleep(0.02)
    return house.said


def raw(first: int, last: int, level: int = 3, *, stream: StreamKey = STREAM) -> bytes:
    rows = [Row(0, "01", level, 1)] * (last - first + 1)
    return SIGNER.entry(encode(Batch(1, *stream, first, 1_790_000_000_000, Quality.SYNCHRONISED, rows)))


def hello(*streams: Stream, nonce: str = "n1", node: str = NODE) -> bytes:
    return SIGNER.entry(encode(Hello(1, node, STREAM.epoch, 5, nonce, 0, "boot", 7, 8, list(streams))))


async def test_recorded_then_acknowledged(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with working(shelf) as (receiver, house):
        receiver.receive(NODE, pack([raw(1, 3), raw(4, 4)]))

        assert await said(house, 1) == [Ack(NODE, STREAM.epoch, held=[(1, 4)])]
        assert [(item.first, item.last) for item in house.new] == [(1, 3), (4, 4)]
        assert len(await shelf.unsettled()) == 2
        [step] = [vars(line) for line in caplog.records if line.name == "transport.steps"]
        assert (step["step"], step["who"], step["lasts"]) == ("recorded", "371721121-g0", [3, 4])


async def test_what_a_node_says_of_a_prompt_is_told_behind_the_rating_that_it_is_about(shelf: Shelf) -> None:
    async with working(shelf) as (receiver, house):
        receiver.receive(NODE, pack([SIGNER.entry(encode(Answer(NODE, STREAM.epoch, "rated"))), raw(1, 1)]))
        await said(house, 1)

        assert house.answers == [Answer(NODE, STREAM.epoch, "rated")]
        assert len(house.new) == 1


async def test_a_known_batch_is_acknowledged_again_and_recorded_once(shelf: Shelf) -> None:
    async with working(shelf) as (receiver, house):
        receiver.receive(NODE, pack([raw(1, 3), raw(1, 3)]))
        await said(house, 1)
        receiver.receive(NODE, raw(1, 3))

        assert await said(house, 2) == [Ack(NODE, STREAM.epoch, held=[(1, 3)])] * 2
        assert len(await shelf.unsettled()) == len(house.new) == 1


async def test_the_same_numbers_in_other_bytes_are_kept_for_the_city_to_judge(shelf: Shelf) -> None:
    async with working(shelf) as (receiver, house):
        receiver.receive(NODE, raw(1, 3))
        receiver.receive(NODE, raw(1, 3, level=1))
        await said(house, 1)

        assert sorted((await shelf.raws([1, 2])).values()) == sorted([raw(1, 3), raw(1, 3, level=1)])


async def test_a_welcome_tells_what_is_here_now_with_what_the_house_adds(shelf: Shelf) -> None:
    receipt = Receipt(NODE, STREAM.epoch, [(1, 1)], 5)
    async with working(shelf) as (receiver, house):
        house.settled[STREAM] = Ranges([(1, 1)])
        house.extra = [CITY.entry(encode(receipt))]
        receiver.receive(NODE, pack([raw(1, 3), hello(Stream(*STREAM, [(1, 9)]))]))

        ack, welcome, passed_on = await said(house, 3)

    assert ack == Ack(NODE, STREAM.epoch, held=[(1, 3)])
    standing = Ack(NODE, STREAM.epoch, held=[(1, 3)], settled=[(1, 1)])
    assert welcome == Welcome(NODE, "n1", "GGGGGGGGGG", Clock("boot", 5), [standing])
    assert passed_on == receipt


async def test_each_answer_goes_to_the_node_that_it_is_for(shelf: Shelf) -> None:
    other = StreamKey(OTHER, "AAAAAAAAAA")
    async with working(shelf) as (receiver, house):
        receiver.receive(NODE, pack([raw(1, 3), b"{}"]))
        receiver.receive(OTHER, pack([raw(1, 2, stream=other), hello(node=OTHER)]))
        await said(house, 4)

    to = [(node, type(entry)) for node, entry in house.told]
    assert sorted(to, key=str) == sorted([(NODE, Refusal), (NODE, Ack), (OTHER, Ack), (OTHER, Welcome)], key=str)
    assert {node: entry.stream for node, entry in house.told if isinstance(entry, Ack)} == {NODE: STREAM, OTHER: other}


async def test_bad_input_is_counted_and_answered_and_stops_nothing(shelf: Shelf) -> None:
    async with working(shelf) as (receiver, house):
        receiver.receive(NODE, b"rubbish")
        receiver.receive(NODE, raw(1, 3))

        refusal, ack = await said(house, 2)
    assert isinstance(refusal, Refusal)
    assert ack == Ack(NODE, STREAM.epoch, held=[(1, 3)])
    assert [bad.refused.reason for bad in house.bad] == [Reason.UNDECODABLE]


async def test_a_full_disk_acknowledges_nothing_but_still_welcomes(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(receiver_module, "RETRY_FULL_S", 0.05)
    free = Disk.free
    monkeypatch.setattr(Disk, "free", lambda _: 0)
    async with working(shelf) as (receiver, house):
        receiver.receive(NODE, pack([raw(1, 3), hello(Stream(*STREAM, [(1, 3)])), b"{}"]))
        refusal, welcome = await said(house, 2)
        assert isinstance(refusal, Refusal)
        assert isinstance(welcome, Welcome)
        assert welcome.streams == [Ack(NODE, STREAM.epoch)]
        assert house.new == []
        full = f"371721121-g0: {shelf.disk.path}: less than 0 bytes free; make room on this disk"
        assert full in [line.getMessage() for line in caplog.records if line.name == "transport.receiver"]

        monkeypatch.setattr(Disk, "free", free)
        receiver.receive(NODE, raw(1, 3))
        assert (await said(house, 3))[2] == Ack(NODE, STREAM.epoch, held=[(1, 3)])


async def test_what_waits_is_bounded_in_number_and_bytes(shelf: Shelf) -> None:
    many = idle(House(shelf))
    for _ in range(QUEUE + 100):
        many.receive(NODE, b"{}")
    assert len(many._queue) == QUEUE

    large = idle(House(shelf))
    for _ in range(200):
        large.receive(NODE, bytes(MAX_PAYLOAD))
    assert sum(len(payload) for _, payload in large._queue) <= QUEUE_BYTES
    assert large._next()
    large.receive(NODE, bytes(MAX_PAYLOAD))
    assert sum(len(payload) for _, payload in large._queue) == large._queued_bytes <= QUEUE_BYTES

    brimful = idle(House(shelf))
    for _ in range(4):
        brimful.receive(NODE, bytes(QUEUE_BYTES // 4))
    brimful.receive(NODE, b"x")
    assert [len(payload) for _, payload in brimful._queue] == [QUEUE_BYTES // 4] * 4


async def test_one_commit_takes_so_many_payloads_or_so_many_bytes(shelf: Shelf) -> None:
    receiver = idle(House(shelf))
    for _ in range(GROUP + 1):
        receiver.receive(NODE, b"{}")
    assert [len(receiver._next()) for _ in range(3)] == [GROUP, 1, 0]

    # One byte of room is room; none is none.
    for size in (GROUP_BYTES - 1, 1, 1):
        receiver.receive(NODE, bytes(size))
    assert [len(receiver._next()) for _ in range(3)] == [2, 1, 0]
    assert receiver._queued_bytes == 0


@pytest.mark.bulk
async def test_a_flood_of_rubbish_does_not_take_the_loop(shelf: Shelf) -> None:
    async with working(shelf) as (receiver, house):
        for _ in range(120):
            receiver.receive(NODE, b"{}\n" * 500 + b"\n" * 100_000)
        receiver.receive(NODE, raw(1, 3))
        turns: set[int] = set()
        while not any(isinstance(entry, Ack) for entry in house.said):
            turns.add(len(house.bad))
            await asyncio.sleep(0)

    # Others had their turn after every few payloads; all at once it was one long breath.
    assert len(turns) >= 30
    assert len(house.bad) == 120 * 500
    assert all(len(payload) <= MAX_PAYLOAD for payload in house.payloads)


async def test_long_answers_are_split(shelf: Shelf) -> None:
    epochs = [f"{number:010}" for number in range(500)]
    async with working(shelf) as (receiver, house):
        streams = [Stream(NODE, epoch, [(1, 2)]) for epoch in epochs]
        for page in range(12):
            receiver.receive(NODE, hello(*streams, nonce=f"n{page}"))
        welcomes = await said(house, 12)

    assert [entry.nonce for entry in welcomes if isinstance(entry, Welcome)] == [f"n{page}" for page in range(12)]
