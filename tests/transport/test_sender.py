"""The sender on a real store: what it makes of answers, good and bad, and of a disk that is full."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from contract.ack import Ack, Receipt, Refusal
from contract.batch import Batch, StreamKey
from contract.bundle import Signed, digest, pack, unpack
from contract.codec import Entry, decode, decode_batch, encode, is_batch
from contract.errors import Reason, Refused, StoreFull
from contract.hello import MAX_STREAMS, Clock, Hello, Welcome
from contract.ranges import Ranges
from contract.rating import Quality, Row
from contract.signing import Signer, public_key
from contract.status import NodeStatus
from transport import answers
from transport import sender as sender_module
from transport.dating import Dating
from transport.greeting import Heard
from transport.lanes import Item, Lane, Lanes, Limits
from transport.owner import Receipted
from transport.resting import RETRY_REFUSED_S, Resting
from transport.sender import Sender
from transport.shelf import Shelf
from transport.station import Station
from transport.steps import GATEWAY, Words
from transport.steps import NODE as NODE_WORDS
from transport.timepiece import Timepiece

NODE = "371721121-a1"
STREAM = StreamKey(NODE, "AAAAAAAAAA")
SIGNER, CITY, MALLORY = Signer(b"1" * 32), Signer(b"9" * 32), Signer(b"6" * 32)
NOON = 1_790_000_000_000
PEER = "PEERPEER01"


def batch(first: int, last: int, stream: StreamKey = STREAM) -> tuple[Batch, bytes]:
    rows = [Row(0, "01", 3, 1)] * (last - first + 1)
    made = Batch(1, *stream, first, NOON + first, Quality.SYNCHRONISED, rows)
    return made, SIGNER.entry(encode(made))


class House:
    """The owner: notes what it is told, and can be made to stumble."""

    def __init__(self) -> None:
        self.new: list[Item] = []
        self.missing: list[Mapping[StreamKey, Ranges]] = []
        self.acks: list[Ack] = []
        self.receipts: list[Receipt] = []
        self.refusals: list[tuple[list[int], Reason]] = []
        self.full = 0

    def last_number(self) -> int:
        return 7

    def config_version(self) -> int:
        return 3

    async def replenish(self) -> Iterable[Item]:
        taken, self.new = self.new, []
        return taken

    async def welcomed(self, missing: Mapping[StreamKey, Ranges]) -> None:
        if self.full:
            self.full -= 1
            raise StoreFull("no room")
        self.missing.append(missing)

    def answered(self, ack: Ack) -> None:
        self.acks.append(ack)

    async def receipted(self, receipts: Sequence[Receipted]) -> None:
        assert all(decode(Signed.of(one.raw).body) == one.receipt for one in receipts)
        self.receipts += [one.receipt for one in receipts]

    async def refused(self, items: Iterable[Item], reason: Reason) -> None:
        self.refusals.append(([item.first for item in items], reason))


class Wake(asyncio.Event):
    """What wakes the sender; `resting` is set while it waits for that with nothing left to do."""

    def __init__(self) -> None:
        super().__init__()
        self.resting = asyncio.Event()

    def set(self) -> None:
        self.resting.clear()
        super().set()

    async def wait(self) -> Literal[True]:
        if not self.is_set():
            self.resting.set()
        return await super().wait()


class Stage:
    """A sender with a clock to set by hand, and everything it published."""

    def __init__(self, shelf: Shelf, limits: Limits | None = None, words: Words = NODE_WORDS) -> None:
        self.shelf = shelf
        self.house = House()
        self.now = 1000.0
        self.boottime = 50_000
        self.takes = True
        self.published: list[tuple[Lane, bytes]] = []
        self.timepiece = Timepiece(Dating(), boot="boot", boottime_ms=lambda: self.boottime, wall_ms=lambda: 5)
        station = Station(NODE, STREAM.epoch, SIGNER, public_key(CITY.public), self.timepiece)
        self.sender = Sender(
            station,
            shelf,
            Lanes(limits),
            self.house,
            publish=self._publish,
            monotonic=lambda: self.now,
            words=words,
        )
        self.wake = self.sender._wake = Wake()

    def _publish(self, lane: Lane, payload: bytes) -> bool:
        self.published.append((lane, payload))
        return self.takes

    async def settle(self) -> None:
        """Let the sender do what it has to do, until it waits to be woken again."""
        self.sender.poke()
        await self.wake.resting.wait()

    def hellos(self) -> list[Hello]:
        found = [decode(e.body) for _, p in self.published for e in unpack(p) if not is_batch(e.body)]
        return [hello for hello in found if isinstance(hello, Hello)]

    def batches(self) -> list[tuple[str, list[int]]]:
        """Each payload of batches: its lane, and their first numbers."""
        sent = [
            (lane, [decode_batch(e.body).first for e in unpack(p) if is_batch(e.body)]) for lane, p in self.published
        ]
        return [(lane.value, firsts) for lane, firsts in sent if firsts]

    def say(self, *entries: Entry) -> None:
        self.sender.receive(pack([encode(entry) for entry in entries]))

    def welcome(self, *acks: Ack, by: str = PEER, at: int | None = NOON) -> Welcome:
        return Welcome(NODE, self.hellos()[-1].nonce, by, Clock("peer boot", 7, at), list(acks))

    async def up(self, *acks: Ack) -> None:
        self.sender.link_up()
        await self.settle()
        self.say(self.welcome(*acks))
        await self.settle()


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    shelf = await Shelf.open(tmp_path / "shelf.db", reserve=0)
    yield shelf
    await shelf.close()


@asynccontextmanager
async def playing(shelf: Shelf, limits: Limits | None = None, words: Words = NODE_WORDS) -> AsyncIterator[Stage]:
    stage = Stage(shelf, limits, words)
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(stage.sender.run(), name="sender")
        await stage.settle()
        yield stage
        work.cancel()


async def test_it_greets_with_all_it_keeps_and_sends_once_welcomed(shelf: Shelf) -> None:
    await shelf.put([batch(1, 3), batch(4, 4)])
    async with playing(shelf) as stage:
        assert stage.published == []
        stage.sender.link_up()
        await stage.settle()

        [hello] = stage.hellos()
        assert (hello.node, hello.epoch, hello.last, hello.config) == (NODE, STREAM.epoch, 7, 3)
        assert (hello.boot, hello.boottime, hello.wall) == ("boot", 50_000, 5)
        assert [(stream.key, stream.has) for stream in hello.streams] == [(STREAM, [(1, 4)])]
        assert stage.batches() == []
        assert (stage.sender.waiting, await stage.sender.oldest()) == (4, NOON + 1)

        stage.say(stage.welcome(Ack(*STREAM, held=[(1, 3)])))
        await stage.settle()
        assert stage.batches() == [("backlog", [4])]
        assert stage.house.missing == [{STREAM: Ranges([(4, 4)])}]

        stage.say(Ack(*STREAM, held=[(4, 4)]))
        await stage.settle()
        assert (stage.sender.waiting, await stage.sender.oldest()) == (0, None)
        assert stage.house.acks == [Ack(*STREAM, held=[(4, 4)])]


async def test_what_a_welcome_teaches_about_time_outlives_the_process(shelf: Shelf) -> None:
    async with playing(shelf) as stage:
        stage.sender.link_up()
        await stage.settle()
        stage.now += 0.4
        stage.say(stage.welcome())
        await stage.settle()
        known = stage.timepiece.now()
        assert known is not None
        # Half of the round trip, and a little for what is rounded and for the drift.
        assert (known.at, known.error) == (NOON + 200, 203)
        assert (await shelf.dating()).now("boot", 50_000) == known


@pytest.mark.parametrize(
    ("words", "steps"), [(NODE_WORDS, ["sent", "held", "settled"]), (GATEWAY, ["forwarded", "settled"])]
)
async def test_each_step_of_a_batch_is_said(
    shelf: Shelf, caplog: pytest.LogCaptureFixture, words: Words, steps: list[str]
) -> None:
    caplog.set_level(logging.INFO, "transport.steps")
    await shelf.put([batch(1, 3)])
    async with playing(shelf, words=words) as stage:
        await stage.up()
        stage.say(Ack(*STREAM, held=[(1, 3)]))
        await stage.settle()
        stage.sender.receive(CITY.entry(encode(Receipt(*STREAM, [(1, 3)], NOON))))
        await stage.settle()
    said = [vars(line) for line in caplog.records if line.name == "transport.steps"]
    assert [line["step"] for line in said] == steps
    assert [line["lane"] for line in said] == ["backlog", None, None][: len(steps)]
    assert {(line["who"], line["batch"], line["last"]) for line in said} == {(NODE, f"{NODE}/{STREAM.epoch}/1", 3)}


async def test_what_no_connection_took_is_not_said_to_be_sent(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "transport.steps")
    await shelf.put([batch(1, 3)])
    async with playing(shelf) as stage:
        stage.takes = False
        await stage.up()
        assert stage.batches() == [("backlog", [1])]
    assert "sent" not in caplog.text


async def test_a_hello_declares_what_is_lost_and_no_two_have_one_name(shelf: Shelf) -> None:
    await shelf.put([batch(1, 3)])
    lost = StreamKey(NODE, "0000000009")
    shelf.void = {lost: Ranges([(4, 5)])}
    async with playing(shelf) as stage:
        await stage.up()
        stage.now += 60
        await stage.settle()
        one, two = stage.hellos()
    assert [(stream.key, stream.has, stream.void) for stream in one.streams] == [
        (STREAM, [(1, 3)], []),
        (lost, [], [(4, 5)]),
    ]
    assert (one.nonce, two.nonce) == ("AAAAAAAAAA.1", "AAAAAAAAAA.2")
    assert {lane for lane, _ in stage.published} == {Lane.LIVE, Lane.BACKLOG}


async def test_as_many_streams_as_one_page_takes_are_asked_about_again(shelf: Shelf) -> None:
    streams = [StreamKey(NODE, f"{number:010}") for number in range(MAX_STREAMS)]
    await shelf.put([batch(1, 1, stream) for stream in streams])
    async with playing(shelf) as stage:
        await stage.up(*(Ack(*stream, held=[(1, 1)]) for stream in streams))
        stage.now += 60
        await stage.settle()
        assert [len(hello.streams) for hello in stage.hellos()] == [MAX_STREAMS, MAX_STREAMS]


async def test_a_city_that_lost_what_it_settled_may_settle_it_again(shelf: Shelf) -> None:
    """Restored from a backup it says so in a welcome, and its next receipt may be older than the last."""
    await shelf.put([batch(1, 3)])
    receipt = Receipt(*STREAM, [(1, 3)], NOON)
    async with playing(shelf) as stage:
        await stage.up()
        stage.sender.receive(CITY.entry(encode(receipt)))
        await stage.settle()
        stage.now += 60
        await stage.settle()
        stage.say(stage.welcome())
        stage.sender.receive(CITY.entry(encode(receipt)))
        await stage.settle()
        assert stage.house.receipts == [receipt, receipt]


async def test_the_welcome_is_dated_when_it_arrives_and_not_when_the_disk_has_time(shelf: Shelf) -> None:
    async with playing(shelf) as stage:
        stage.sender.link_up()
        await stage.settle()
        stage.house.full = 2
        stage.say(stage.welcome())
        stage.boottime += 60_000
        await stage.settle()
        await stage.settle()
        await stage.settle()

        now = stage.timepiece.now()
        assert now is not None
        assert now.at == NOON + 60_000
        assert len(stage.house.missing) == 1


async def test_what_interrupts_the_reading_of_a_welcome_makes_it_no_later(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with playing(shelf) as stage:
        stage.sender.link_up()
        await stage.settle()
        greeting = stage.sender._greeting
        heard = greeting.heard

        def interrupted(welcome: Welcome, now: float) -> Heard | None:
            stage.boottime += 3_000
            return heard(welcome, now)

        monkeypatch.setattr(greeting, "heard", interrupted)
        stage.say(stage.welcome())

        now = stage.timepiece.now()
        assert now is not None
        assert now.at == NOON + 3_000


async def test_who_does_not_know_the_time_asks_when_the_peer_does(shelf: Shelf) -> None:
    async with playing(shelf) as stage:
        stage.sender.link_up()
        await stage.settle()
        stage.say(stage.welcome(at=None))
        await stage.settle()
        stage.now += 10
        stage.say(Welcome(NODE, "-", PEER, Clock("peer boot", 9), []))
        await stage.settle()
        assert len(stage.hellos()) == 1

        stage.say(Welcome(NODE, "-", PEER, Clock("peer boot", 9, NOON), []))
        await stage.settle()
        assert len(stage.hellos()) == 2
        stage.say(stage.welcome())
        await stage.settle()
        stage.now += 10
        stage.say(Welcome(NODE, "-", PEER, Clock("peer boot", 9, NOON), []))
        await stage.settle()
        assert len(stage.hellos()) == 2


async def test_another_ends_welcome_is_not_ours(shelf: Shelf) -> None:
    async with playing(shelf) as stage:
        stage.sender.link_up()
        await stage.settle()
        ours = stage.welcome()
        stage.say(Welcome("371721121-a2", ours.nonce, PEER, ours.clock, []))
        await stage.settle()
        assert not stage.sender.lanes.up


async def test_one_bad_answer_does_not_stop_its_neighbours(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    await shelf.put([batch(1, 3)])
    async with playing(shelf) as stage:
        await stage.up()
        stage.sender.receive(b"rubbish")
        forged = MALLORY.entry(encode(Receipt(*STREAM, [(1, 3)], NOON)))
        stage.sender.receive(pack([b"{}", forged, encode(NodeStatus(NODE, "up")), encode(Ack(*STREAM, held=[(1, 3)]))]))
        await stage.settle()

        assert stage.sender.lanes.ratings() == 0
        assert stage.house.receipts == []
        assert len(await shelf.unsettled()) == 1
        said = [line.getMessage() for line in caplog.records if line.name == "transport.answers"]
        assert [line.split(": ")[:2] for line in said] == [
            [NODE, "an answer could not be read"],
            *[[NODE, "an answer was not taken"]] * 3,
        ]
        assert not said[0].endswith("None")
        assert f"{Reason.WRONG_SIGNATURE}: receipt for {NODE} is not the city's" in said[2]
        assert f"{Reason.UNDECODABLE}: NodeStatus does not belong among answers" in said[3]


async def test_a_receipt_settles_once_and_ends_the_sending(shelf: Shelf) -> None:
    await shelf.put([batch(1, 3), batch(4, 6)])
    first = Receipt(*STREAM, [(1, 3)], NOON)
    async with playing(shelf) as stage:
        await stage.up()
        for receipt in (first, first, Receipt(*STREAM, [(1, 6)], NOON - 1)):
            stage.sender.receive(CITY.entry(encode(receipt)))
        await stage.settle()

        assert stage.house.receipts == [first]
        assert [item.first for item in await shelf.unsettled()] == [4]
        assert stage.sender.lanes.ratings() == 3


async def test_a_receipt_that_met_a_full_disk_is_no_old_one_when_there_is_room(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.put([batch(1, 3)])
    receipt = Receipt(*STREAM, [(1, 3)], NOON)

    async def full(_marks: object) -> None:
        raise StoreFull("no room")

    async with playing(shelf) as stage:
        await stage.up()
        monkeypatch.setattr(shelf, "settle", full)
        stage.sender.receive(CITY.entry(encode(receipt)))
        await stage.settle()
        assert stage.house.receipts == []
        monkeypatch.undo()
        await stage.settle()
        assert stage.house.receipts == [receipt]
        assert await shelf.unsettled() == []


def commits(shelf: Shelf) -> float:
    return [count for _, count in shelf.disk.commits.buckets()][-1]


async def test_receipts_that_come_together_mark_the_shelf_in_one_commit(shelf: Shelf) -> None:
    """A township's come in one payload; each commit of its own cost a gateway more than the ratings did."""
    other = StreamKey(NODE, "BBBBBBBBBB")
    await shelf.put([batch(1, 3), batch(4, 6), batch(1, 3, other)])
    older, newer = Receipt(*STREAM, [(1, 3)], NOON), Receipt(*STREAM, [(1, 6)], NOON + 1)
    third = Receipt(*other, [(1, 3)], NOON)
    async with playing(shelf) as stage:
        await stage.up()
        before = commits(shelf)
        stage.sender.receive(pack([CITY.entry(encode(one)) for one in (older, newer, third)]))
        await stage.settle()

        assert commits(shelf) == before + 1
        assert stage.house.receipts == [older, newer, third]
        assert await shelf.unsettled() == []
        # What comes after an answer of another kind is a chore of its own, and so is what comes once they are at work.
        stage.sender.receive(pack([CITY.entry(encode(older)), encode(Ack(*STREAM)), CITY.entry(encode(third))]))
        await stage.settle()
        assert stage.house.receipts == [older, newer, third]


async def test_what_the_house_does_not_want_is_logged(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    class Picky(House):
        async def receipted(self, receipts: Sequence[Receipted]) -> None:
            raise Refused(Reason.WRONG_SENDER, "not mine")

    async with playing(shelf) as stage:
        stage.sender._answers._owner = Picky()
        stage.sender.receive(CITY.entry(encode(Receipt("371721122-a1", "AAAAAAAAAA", [(1, 3)], NOON))))
        await stage.up()
        assert stage.sender.lanes.up
        said = [line.getMessage() for line in caplog.records if line.name == "transport.answers"]
        assert [line.split(": ", 2)[:2] for line in said] == [[NODE, "an answer was not taken"]]
        assert "not mine" in said[0]


async def test_refused_numbers_rest_an_hour(shelf: Shelf) -> None:
    await shelf.put([batch(1, 3), batch(4, 6), batch(7, 9)])
    async with playing(shelf) as stage:
        await stage.up()
        stage.say(Ack(*STREAM, held=[(1, 3)], refused=[(4, 6, Reason.CONFLICT)]))
        await stage.settle()
        assert stage.house.refusals == [([4], Reason.CONFLICT)]
        assert [item.first for item in stage.sender.lanes.unacknowledged()] == [7]

        # The peer's standing does not say it is there, and yet it rests.
        stage.now += 60
        await stage.settle()
        stage.say(stage.welcome(Ack(*STREAM, held=[(1, 3)])))
        await stage.settle()
        assert [item.first for item in stage.sender.lanes.unacknowledged()] == [7]

        stage.now += RETRY_REFUSED_S
        await stage.settle()
        assert [item.first for item in stage.sender.lanes.unacknowledged()] == [4, 7]


async def test_refused_numbers_that_the_house_gives_up(shelf: Shelf) -> None:
    await shelf.put([batch(1, 3), batch(4, 6)])
    async with playing(shelf) as stage:
        await stage.up()
        stage.say(Ack(*STREAM, refused=[(1, 3, Reason.CONFLICT)]))
        await stage.settle()
        assert await stage.sender.give_up_refused() == 1
        assert await stage.sender.give_up_refused() == 0
        assert shelf.kept[STREAM] == Ranges([(4, 6)])
        stage.now += RETRY_REFUSED_S
        await stage.settle()
        assert [item.first for item in stage.sender.lanes.unacknowledged()] == [4]


async def test_an_unreadable_payload_is_taken_apart_until_the_bad_one_rests(shelf: Shelf) -> None:
    await shelf.put([batch(1, 1), batch(2, 2), batch(3, 3)])
    async with playing(shelf) as stage:
        await stage.up()
        stage.say(Refusal(digest(stage.published[-1][1]), Reason.OVERSIZED))
        await stage.settle()
        stage.say(Ack(*STREAM, held=[(1, 1)]))
        await stage.settle()
        assert stage.batches() == [("backlog", [1, 2, 3]), ("backlog", [1]), ("backlog", [2])]
        assert stage.house.refusals == []

        stage.say(Refusal(digest(stage.published[-1][1]), Reason.OVERSIZED))
        await stage.settle()
        stage.say(Ack(*STREAM, held=[(3, 3)]))
        await stage.settle()
        assert stage.batches()[3:] == [("backlog", [3])]
        assert stage.house.refusals == [([2], Reason.OVERSIZED)]
        assert stage.sender.lanes.ratings() == 0


async def test_an_unreadable_entry_is_known_by_its_digest(shelf: Shelf) -> None:
    await shelf.put([batch(1, 1), batch(2, 2)])
    async with playing(shelf) as stage:
        await stage.up()
        stage.say(Refusal(digest(batch(2, 2)[1]), Reason.UNDECODABLE), Refusal("0" * 16, Reason.UNDECODABLE))
        await stage.settle()

        assert ([2], Reason.UNDECODABLE) in stage.house.refusals
        assert [item.first for item in stage.sender.lanes.unacknowledged()] == [1]


async def test_a_full_disk_does_not_stop_the_sending(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sender_module, "RETRY_FULL_S", 0.05)
    items = await shelf.put([batch(1, 1)])
    async with playing(shelf) as stage:
        stage.sender.link_up()
        await stage.settle()
        stage.house.full = 1_000_000
        stage.say(stage.welcome())
        await stage.settle()
        assert f"{NODE}: no room" in [line.getMessage() for line in caplog.records]
        assert stage.batches() == [("backlog", [1])]
        assert stage.house.missing == []

        # By itself: nobody wakes it.
        stage.house.full = 0
        while not stage.house.missing:
            await asyncio.sleep(0.01)
        assert stage.house.missing == [{STREAM: Ranges([(1, 1)])}]
        assert [item.id for item in items] == [item.id for item in stage.sender.lanes.unacknowledged()]


async def test_answers_that_wait_for_the_disk_are_bounded(shelf: Shelf) -> None:
    stage = Stage(shelf)
    for _ in range(answers._CHORES + 10):
        stage.say(Ack(*STREAM, held=[(1, 1)]))
    assert len(stage.sender._answers._chores) == answers._CHORES


async def test_receipts_that_wait_for_the_disk_are_bounded_as_other_answers_are(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_CHORES", 20)
    stage = Stage(shelf)
    for number in range(30):
        stage.sender.receive(CITY.entry(encode(Receipt(*STREAM, [(1, 1)], NOON + number))))
    assert len(stage.sender._answers._chores) == 20


async def test_a_batch_that_was_pruned_while_it_waited(shelf: Shelf) -> None:
    await shelf.put([batch(1, 1), batch(2, 2), batch(3, 3)])
    async with playing(shelf) as stage:
        await shelf.settle([(STREAM, Ranges([(2, 2)]), 1)])
        await shelf.prune(2)
        await stage.up()
        assert stage.batches() == [("backlog", [1, 3])]

        stage.say(Ack(*STREAM, held=[(1, 1), (3, 3)]))
        stage.sender.refill([Item(2, STREAM, 2, 2, 100)])
        await stage.settle()
        assert stage.batches() == [("backlog", [1, 3])]
        assert stage.sender.lanes.ratings() == 0


async def test_fresh_batches_leave_without_being_read_back(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    async with playing(shelf) as stage:
        await stage.up()
        made, raw = batch(1, 1)
        items = await shelf.put([(made, raw)])

        async def nothing(_ids: object) -> dict[int, bytes]:
            raise AssertionError("read back")

        monkeypatch.setattr(shelf, "raws", nothing)
        stage.sender.offer(items, {items[0].id: raw})
        await stage.settle()
        assert stage.published[-1] == (Lane.LIVE, raw)
        monkeypatch.undo()


async def test_fresh_bytes_that_are_there_before_they_were_sent_are_let_go(shelf: Shelf) -> None:
    async with playing(shelf, Limits(live_flights=1)) as stage:
        await stage.up()
        for made, raw in (batch(1, 1), batch(2, 2)):
            [item] = await shelf.put([(made, raw)])
            stage.sender.offer([item], {item.id: raw})
            await stage.settle()
        assert list(stage.sender._parcels._fresh) == [2]
        stage.say(Ack(*STREAM, held=[(2, 2)]))
        assert stage.sender._parcels._fresh == {}


async def test_fresh_bytes_are_bounded_and_forgotten(shelf: Shelf) -> None:
    async with playing(shelf, Limits(live_flights=1)) as stage:
        await stage.up()
        stage.sender.offer([], dict.fromkeys(range(5000), b"x"))
        stage.sender.offer([], {6000: b"x"})
        assert len(stage.sender._parcels._fresh) == 5000
        stage.sender.link_down()
        stage.sender.offer([], {6000: b"x"})
        assert stage.sender._parcels._fresh == {}


async def test_what_gathered_leaves_when_the_line_is_idle(shelf: Shelf) -> None:
    async with playing(shelf) as stage:
        await stage.up()
        stage.house.new = await shelf.put([batch(1, 2)])
        await stage.settle()
        stage.house.new = await shelf.put([batch(3, 3), batch(4, 4)])
        await stage.settle()
        assert stage.batches() == [("live", [1])]

        stage.say(Ack(*STREAM, held=[(1, 2)]))
        await stage.settle()
        assert stage.batches() == [("live", [1]), ("live", [4, 3])]


async def test_no_answer_and_the_same_bytes_go_again(shelf: Shelf) -> None:
    async with playing(shelf) as stage:
        await stage.up()
        stage.sender.offer(await shelf.put([batch(1, 1)]))
        await stage.settle()
        stage.now += 2.0
        await stage.settle()

        assert stage.batches() == [("live", [1]), ("backlog", [1])]
        assert stage.published[-1][1] == stage.published[-2][1] == batch(1, 1)[1]


async def test_another_process_answers_and_all_goes_again(shelf: Shelf) -> None:
    await shelf.put([batch(1, 1)])
    async with playing(shelf) as stage:
        await stage.up(Ack(*STREAM, held=[(1, 1)]))
        assert stage.batches() == []
        stage.now += 60
        await stage.settle()
        stage.say(stage.welcome(by="HEIRHEIR01"))
        await stage.settle()
        assert stage.batches() == [("backlog", [1])]


async def test_a_lane_of_its_own(shelf: Shelf) -> None:
    await shelf.put([batch(1, 1)])
    async with playing(shelf) as stage:
        stage.sender.lane_down(Lane.BACKLOG)
        await stage.up()
        assert stage.batches() == []
        stage.sender.lane_up(Lane.BACKLOG)
        await stage.settle()
        assert stage.batches() == [("backlog", [1])]


async def test_many_streams_are_asked_about_once_and_then_those_that_wait(shelf: Shelf) -> None:
    streams = [StreamKey(NODE, f"{number:010}") for number in range(MAX_STREAMS + 20)]
    await shelf.put([batch(1, 1, stream) for stream in streams])
    async with playing(shelf) as stage:
        stage.sender.link_up()
        await stage.settle()
        pages = stage.hellos()
        assert [len(hello.streams) for hello in pages] == [MAX_STREAMS, 20]
        assert len({hello.nonce for hello in pages}) == 2

        # The second page's welcome is lost: both are asked again.
        held = [[Ack(*stream.key, held=stream.has) for stream in hello.streams] for hello in pages]
        clock = Clock("peer boot", 7, NOON)
        stage.say(Welcome(NODE, pages[0].nonce, PEER, clock, held[0]))
        stage.now += 2
        await stage.settle()
        again = stage.hellos()[2:]
        assert [len(hello.streams) for hello in again] == [MAX_STREAMS, 20]
        for place, hello in enumerate(again):
            stage.say(Welcome(NODE, hello.nonce, PEER, clock, held[place][:-1] if place else held[place]))
        await stage.settle()

        stage.now += 60
        await stage.settle()
        [small] = stage.hellos()[4:]
        assert [stream.key for stream in small.streams] == [streams[-1]]


async def test_it_wakes_by_itself_when_something_is_due(shelf: Shelf) -> None:
    async with playing(shelf) as stage:
        await stage.up()
        due = stage.sender._greeting.due_at()
        assert due is not None
        assert stage.sender._patience_s() == due - stage.now > 0
        stage.now = due - 0.05
        await stage.settle()
        stage.now = due + 5
        assert stage.sender._patience_s() == 0.0
        async with asyncio.timeout(10):
            while len(stage.hellos()) < 2:
                await asyncio.sleep(0.005)


async def test_without_a_connection_it_sleeps_without_a_timer(shelf: Shelf) -> None:
    async with playing(shelf) as stage:
        assert stage.sender._patience_s() is None


def test_what_does_not_rest_can_be_forgotten_too() -> None:
    """What is deleted on the shelf is forgotten here, and only some of it was refused."""
    resting = Resting()
    one, other = Item(1, STREAM, 1, 1, 1), Item(2, STREAM, 2, 2, 1)
    resting.add([one], now=0.0)
    resting.forget([other, one])
    assert resting.items() == []


def test_resting_wakes_at_the_first() -> None:
    resting = Resting()
    assert resting.wake_at() is None
    resting.add([Item(2, STREAM, 2, 2, 1), Item(1, STREAM, 1, 1, 1)], 100.0)
    resting.add([Item(3, STREAM, 3, 3, 1)], 200.0)
    assert resting.wake_at() == 100.0 + RETRY_REFUSED_S
    assert [item.id for item in resting.rested(100.0 + RETRY_REFUSED_S)] == [1, 2]
    assert resting.items() == [Item(3, STREAM, 3, 3, 1)]
    assert Item(3, STREAM, 3, 3, 1) in resting
    assert Item(1, STREAM, 1, 1, 1) not in resting
