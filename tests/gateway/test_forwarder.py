"""What goes to the city, and what its words do to the journal; without a connection."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from contract import topics
from contract.ack import Ack, Receipt
from contract.batch import Batch, StreamKey
from contract.bundle import MAX_PAYLOAD, Signed, pack, unpack
from contract.codec import decode, encode
from contract.config import Roster
from contract.errors import Reason
from contract.hello import Clock
from contract.ranges import Ranges
from contract.rating import Quality, Row
from contract.signing import Signer, public_key
from gateway.forwarder import LIVE_MS, Forwarder
from gateway.papers import Papers, receipt_name
from gateway.settings import Settings
from transport.broker import Broker
from transport.dating import Dating
from transport.disk import Disk
from transport.lanes import Item, Lane
from transport.owner import Receipted
from transport.shelf import Shelf
from transport.station import Station
from transport.timepiece import Timepiece

TOWNSHIP, A1 = "371721121", "371721121-a1"
STREAM = StreamKey(A1, "AAAAAAAAAA")
CITY, GATEWAY = Signer(b"9" * 32), Signer(b"3" * 32)
NOON = 1_790_000_000_000
NOWHERE = Broker("127.0.0.1", 9)


class Desk:
    """A forwarder that is never connected, and what it tells its house and publishes."""

    def __init__(self, journal: Shelf) -> None:
        self.told: list[tuple[str, list[bytes]]] = []
        self.news: list[Mapping[str, bytes]] = []
        self.timed = 0
        self.published: list[tuple[str, bytes]] = []
        self.journal = journal
        self.papers = Papers(TOWNSHIP, public_key(CITY.public), [])
        self.timepiece = Timepiece(Dating(), boot="boot", boottime_ms=lambda: 5_000, wall_ms=lambda: 0)
        settings = Settings(TOWNSHIP, "journal.db", "g0.key", CITY.public, NOWHERE, NOWHERE)
        station = Station(settings.node, "GGGGGGGGGG", GATEWAY, public_key(CITY.public), self.timepiece)
        self.forwarder = Forwarder(
            settings,
            station,
            journal,
            self.papers,
            monotonic=lambda: 0.0,
            tell=lambda node, entries: self.told.append((node, entries)),
            configured=self.news.append,
            timed=self._timed,
        )

    def _timed(self) -> None:
        self.timed += 1

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        assert not retain
        self.published.append((topic, payload))
        return True


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    journal = await Shelf.open(tmp_path / "journal.db", reserve=0)
    yield Desk(journal)
    await journal.close()


def batch(first: int, at: int = NOON) -> tuple[Batch, bytes]:
    made = Batch(1, *STREAM, first, at, Quality.SYNCHRONISED, [Row(0, "01", 3, 1)])
    return made, encode(made) + b"\n" + b"s" * 86


async def test_fresh_ratings_go_out_live_and_old_ones_behind(desk: Desk) -> None:
    desk.timepiece.heard(Clock("city", 5, NOON, 1), 0.0)
    lanes = desk.forwarder.sender.lanes
    lanes.welcomed()
    batches = [batch(1, NOON - LIVE_MS), batch(2, NOON - LIVE_MS + 50), batch(3)]
    desk.forwarder.recorded(await desk.journal.put(batches), batches)

    # The backlog lane has no connection of its own yet.
    [live] = lanes.due(0)
    desk.forwarder.sender.lane_up(Lane.BACKLOG)
    [backlog] = lanes.due(0)

    assert [item.first for item in live.items] == [3, 2]
    assert [item.first for item in backlog.items] == [1]


async def test_the_line_is_measured_by_what_the_broker_has(desk: Desk) -> None:
    """A city that is busy with all its townships answers late; that is not the line, and bundles stay large."""
    lanes = desk.forwarder.sender.lanes
    lanes.welcomed()
    desk.forwarder.sender.lane_up(Lane.BACKLOG)
    batches = [batch(first) for first in range(1, 3000)]
    desk.forwarder.sender.refill(await desk.journal.put(batches))
    sizes = []
    for turn in range(3):
        [sent] = lanes.due(2.0 * turn)
        sizes.append(sum(item.size for item in sent.items))
        desk.forwarder._backlog_carried()
        lanes.acked(STREAM, Ranges((item.first, item.last) for item in sent.items), 2.0 * turn + 2.0)

    assert sizes[0] < sizes[1] < sizes[2]


async def test_without_the_time_nothing_counts_as_fresh(desk: Desk) -> None:
    desk.forwarder.sender.lanes.welcomed()
    batches = [batch(1)]
    desk.forwarder.recorded(await desk.journal.put(batches), batches)

    assert desk.forwarder.sender.lanes.due(0) == []
    assert desk.forwarder.sender.lanes.ratings() == 1


async def test_the_backlog_waits_for_its_own_connection(desk: Desk) -> None:
    desk.forwarder.sender.lanes.welcomed()
    batches = [batch(1)]
    desk.forwarder.recorded(await desk.journal.put(batches), batches)

    desk.forwarder._backlog._on_up()
    [sent] = desk.forwarder.sender.lanes.due(0)
    assert [item.first for item in sent.items] == [1]
    desk.forwarder._backlog._on_down()
    assert desk.forwarder.sender.lanes.in_flight(sent.flight) == ()


async def test_hellos_are_split_where_they_outgrow_a_payload(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.forwarder._live, "publish", desk.publish)
    hellos = [b'{"n":%d,"x":"' % number + b"x" * 40_000 + b'"}' for number in range(20)]

    desk.forwarder.pass_on(hellos)

    assert {topic for topic, _ in desk.published} == {topics.township(TOWNSHIP, "live")}
    assert [entry.raw for _, payload in desk.published for entry in unpack(payload)] == hellos
    assert all(len(payload) <= MAX_PAYLOAD for _, payload in desk.published)


async def test_papers_that_arrive(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    roster = CITY.entry(encode(Roster(TOWNSHIP, 1, [])))
    config = topics.township(TOWNSHIP, "config")

    desk.forwarder._arrived(config, pack([b"{}", roster]))
    desk.forwarder._arrived(config, b"rubbish")
    desk.forwarder._arrived("manyi/1/elsewhere", b"rubbish")

    # What is no news, and that is every paper at each new connection, goes no further.
    desk.forwarder._arrived(config, roster)
    assert desk.news == [{"roster": roster}]
    assert caplog.text.count("a paper was not taken") == 2


async def test_what_the_city_lost_may_not_be_deleted_and_its_receipt_is_void(desk: Desk) -> None:
    await desk.journal.put([batch(1), batch(2)])
    receipt = Receipt(*STREAM, [(1, 2)], NOON)
    raw = CITY.entry(encode(receipt))
    await desk.journal.settle([(STREAM, Ranges([(1, 2)]), NOON)])
    await desk.forwarder.receipted([Receipted(receipt, raw)])
    assert await desk.journal.papers() == {receipt_name(STREAM): raw}
    assert desk.told == [(A1, [raw])]
    assert await desk.journal.unsettled() == []

    await desk.forwarder.welcomed({STREAM: Ranges([(2, 2)])})

    assert [item.first for item in await desk.journal.unsettled()] == [2]
    assert await desk.journal.papers() == {}
    assert desk.papers.settled_of(STREAM) == Ranges([(1, 1)])


async def test_of_receipts_that_come_together_each_is_kept_but_one_of_elsewhere(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    strange = StreamKey("371721122-a1", "AAAAAAAAAA")
    other = StreamKey(A1, "BBBBBBBBBB")
    receipts = [Receipt(*stream, [(1, 2)], NOON) for stream in (STREAM, strange, other)]
    raws = [CITY.entry(encode(receipt)) for receipt in receipts]
    await desk.forwarder.receipted(list(map(Receipted, receipts, raws)))

    assert await desk.journal.papers() == {receipt_name(STREAM): raws[0], receipt_name(other): raws[2]}
    assert desk.told == [(A1, [raws[0], raws[2]])]
    assert "a receipt was not taken" in caplog.text


async def test_an_old_receipt_is_passed_on_but_not_kept(desk: Desk) -> None:
    new, old = (Receipt(*STREAM, [(1, last)], NOON + last) for last in (9, 5))
    for receipt in (new, old):
        await desk.forwarder.receipted([Receipted(receipt, CITY.entry(encode(receipt)))])

    [(_, kept)] = (await desk.journal.papers()).items()
    assert decode(Signed.of(kept).body) == new


async def test_refused_by_the_city_kept_here_and_told_to_the_node(desk: Desk) -> None:
    items = await desk.journal.put([batch(1), batch(2)])

    await desk.forwarder.refused(items[:1], Reason.CONFLICT)

    # Its node's disk may have been replaced since: then this is the only copy.
    assert desk.journal.kept[STREAM] == Ranges([(1, 2)])
    [(node, [told])] = desk.told
    assert (node, decode(told)) == (A1, Ack(*STREAM, refused=[(1, 1, Reason.CONFLICT)]))


async def test_what_the_city_refused_goes_when_there_is_no_room(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.journal.put([batch(1), batch(2)])
    desk.forwarder.sender.receive(encode(Ack(*STREAM, refused=[(1, 1, Reason.CONFLICT)])))
    await desk.forwarder.sender._answers.work_off()

    await desk.forwarder.make_room()
    assert desk.journal.kept[STREAM] == Ranges([(1, 2)])

    monkeypatch.setattr(Disk, "free", lambda _: 0)
    await desk.forwarder.make_room()
    assert desk.journal.kept[STREAM] == Ranges([(2, 2)])
    await desk.forwarder.make_room()
    assert desk.journal.kept[STREAM] == Ranges([(2, 2)])


async def test_acks_of_the_city_are_remembered_for_welcomes(desk: Desk) -> None:
    desk.forwarder.answered(Ack(*STREAM, settled=[(1, 3)]))
    desk.forwarder.answered(Ack(*STREAM, refused=[(5, 5, Reason.CONFLICT)]))

    assert desk.papers.settled_of(STREAM) == Ranges([(1, 3)])


async def test_the_house_hears_once_that_the_time_became_known(desk: Desk) -> None:
    await desk.forwarder.welcomed({})
    assert desk.timed == 0
    desk.timepiece.heard(Clock("city", 5, NOON, 1), 0.0)
    for _ in range(2):
        await desk.forwarder.welcomed({})
    assert desk.timed == 1


async def test_it_gives_no_numbers_and_makes_nothing(desk: Desk) -> None:
    assert desk.forwarder.last_number() == 0
    assert desk.forwarder.config_version() == 0
    assert list[Item](await desk.forwarder.replenish()) == []
