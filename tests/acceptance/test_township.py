"""A township on two real mosquittos: a real node, a real gateway, and a few lines that play the city."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import pytest
from gpiozero.pins.mock import MockFactory

from contract import topics
from contract.ack import Ack, Receipt
from contract.batch import Batch, StreamKey
from contract.bundle import Signed, pack, unpack
from contract.codec import Entry, decode, decode_batch, encode, is_batch
from contract.config import NodeConfig, Roster, RosterNode, WindowPins
from contract.errors import Reason
from contract.hello import Clock, Hello, Welcome
from contract.ranges import Ranges
from contract.rating import Quality, Row
from contract.signing import Signer
from contract.status import GatewayStatus, NodeStatus
from edge.node import Node
from edge.settings import Settings as NodeSettings
from edge.settings import Timing
from firmware_sim.broker import Mosquitto
from gateway.post import Gateway
from gateway.settings import Settings as GatewaySettings
from transport.broker import Broker
from transport.link import Link
from transport.shelf import Shelf

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

TOWNSHIP = "371721121"
A1, A2, G0 = f"{TOWNSHIP}-a1", f"{TOWNSHIP}-a2", f"{TOWNSHIP}-g0"
CITY, NODE, OTHER, GATEWAY, MALLORY = (Signer(bytes([n]) * 32) for n in (9, 1, 2, 3, 6))
WINDOWS = [WindowPins("01", 2, 3, 4, 5, 6, 7), WindowPins("02", 8, 9, 10, 11, 12, 13)]
# The city's time is ten years from what every clock here says: nothing may ever be dated by those.
CITY_EPOCH_MS = 2_100_000_000_000


def city_ms() -> int:
    return CITY_EPOCH_MS + time.monotonic_ns() // 1_000_000


async def until(true: Callable[[], object], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


class City:
    """Takes what is signed, says when it is; remembers everything. `mute`: receives and says nothing."""

    def __init__(self, broker: Mosquitto, epoch: str = "CITYCITY01") -> None:
        self.entered: list[Batch] = []
        self.raws: list[bytes] = []
        self.lanes: list[str] = []
        self.hellos: list[Hello] = []
        self.statuses: list[GatewayStatus] = []
        self.ratings: dict[tuple[str, str, int], tuple[str, int, int]] = {}
        self.refuse: set[int] = set()
        self.mute = False
        self.link = Link(
            Broker("127.0.0.1", broker.port),
            client_id=f"city-{epoch}",
            subscribe=[topics.township(TOWNSHIP, leaf) for leaf in ("live", "backlog", "status")],
            on_receive=self._arrived,
            on_up=lambda: None,
            on_down=lambda: None,
        )
        self.epoch = epoch

    async def __aenter__(self) -> Self:
        await self.link.__aenter__()
        await until(lambda: self.link.up)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.link.__aexit__()

    def say(self, *entries: bytes) -> None:
        self.link.publish(topics.township(TOWNSHIP, "acks"), pack(entries))

    def publish_papers(self, *papers: Entry, signer: Signer = CITY) -> None:
        payload = pack([signer.entry(encode(paper)) for paper in papers])
        self.link.publish(topics.township(TOWNSHIP, "config"), payload, retain=True)

    def receipt(self, stream: StreamKey, last: int) -> bytes:
        return CITY.entry(encode(Receipt(*stream, [(1, last)], city_ms())))

    def _arrived(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/status"):
            status = decode(payload)
            assert isinstance(status, GatewayStatus)
            self.statuses.append(status)
            return
        for entry in unpack(payload):
            if is_batch(entry.body):
                self._enter(topic.rpartition("/")[2], entry)
            else:
                hello = decode(entry.body)
                assert isinstance(hello, Hello)
                self.hellos.append(hello)
                if hello.node == G0 and not self.mute:
                    self._welcome(hello)

    def _enter(self, lane: str, entry: Signed) -> None:
        batch = decode_batch(entry.body)
        numbers = (batch.first, batch.last)
        if self.mute:
            return
        if batch.first in self.refuse:
            self.say(encode(Ack(*batch.stream, refused=[(*numbers, Reason.CONFLICT)])))
            return
        self.entered.append(batch)
        self.raws.append(entry.raw)
        self.lanes.append(lane)
        for place, row in enumerate(batch.rows):
            self.ratings[batch.node, batch.epoch, batch.first + place] = (row.window, row.level, batch.t0 + row.ms)
        self.say(encode(Ack(*batch.stream, settled=[numbers])))

    def _welcome(self, hello: Hello) -> None:
        settled: dict[StreamKey, Ranges] = {}
        for batch in self.entered:
            settled[batch.stream] = settled.get(batch.stream, Ranges()).add(batch.first, batch.last)
        acks = [Ack(*s.key, settled=list(settled.get(s.key, Ranges()).pairs)) for s in hello.streams]
        clock = Clock("city boot", time.monotonic_ns() // 1_000_000, city_ms(), 1)
        self.say(encode(Welcome(G0, hello.nonce, self.epoch, clock, acks)))


class Township:
    """Two brokers, a folder for the stores, and what runs on them."""

    def __init__(self, folder: Path, nodes: Mosquitto, city: Mosquitto) -> None:
        self.folder = folder
        self.nodes = nodes
        self.city = city
        self.pins = MockFactory()

    def node_settings(self, heartbeat_s: float = 60.0) -> NodeSettings:
        return NodeSettings(
            node=A1,
            store=str(self.folder / "outbox.db"),
            key="unused",
            city_key=CITY.public,
            broker=Broker("127.0.0.1", self.nodes.port),
            window=WINDOWS,
            pins="mock",
            timing=Timing(settle_s=0, cooldown_s=0),
            heartbeat_s=heartbeat_s,
        )

    def gateway_settings(self, *roster: RosterNode) -> GatewaySettings:
        return GatewaySettings(
            township=TOWNSHIP,
            store=str(self.folder / "journal.db"),
            key="unused",
            city_key=CITY.public,
            node_broker=Broker("127.0.0.1", self.nodes.port),
            city_broker=Broker("127.0.0.1", self.city.port),
            roster=list(roster),
            heartbeat_s=1.0,
        )

    @asynccontextmanager
    async def node(self, heartbeat_s: float = 60.0) -> AsyncIterator[Node]:
        self.pins = MockFactory()
        node = Node(self.node_settings(heartbeat_s), factory=self.pins, signer=NODE)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(node.run(), name="node")
            await node.ready.wait()
            yield node
            node.stop()

    @asynccontextmanager
    async def gateway(self, *roster: RosterNode) -> AsyncIterator[Gateway]:
        gateway = Gateway(self.gateway_settings(*(roster or (RosterNode(A1, NODE.public),))), GATEWAY)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(gateway.run(), name="gateway")
            await gateway.ready.wait()
            yield gateway
            gateway.stop()

    async def press(self, window: int, level: int) -> tuple[str, int, int]:
        """Press and wait for the light; what was chosen, and when by the city's time, to be compared with `same`."""
        wiring = WINDOWS[window - 1]
        button = {3: wiring.satisfied, 2: wiring.basic, 1: wiring.dissatisfied}[level]
        light = {3: wiring.light_satisfied, 2: wiring.light_basic, 1: wiring.light_dissatisfied}[level]
        assert light is not None
        at = city_ms()
        self.pins.pin(button).drive_low()
        await until(lambda: self.pins.pin(light).state)
        self.pins.pin(button).drive_high()
        await asyncio.sleep(0.06)
        return wiring.id, level, at


def same(found: tuple[str, int, int], chosen: tuple[str, int, int], within_ms: int = 150) -> bool:
    return found[:2] == chosen[:2] and abs(found[2] - chosen[2]) <= within_ms


@pytest.fixture
async def township(tmp_path: Path) -> AsyncIterator[Township]:
    async with Mosquitto(tmp_path / "nodes") as nodes, Mosquitto(tmp_path / "city") as city:
        yield Township(tmp_path, nodes, city)


@asynccontextmanager
async def speaking(broker: Mosquitto, *topics_: str) -> AsyncIterator[tuple[Link, list[tuple[str, bytes]]]]:
    """Somebody with access to a broker."""
    heard: list[tuple[str, bytes]] = []
    link = Link(
        Broker("127.0.0.1", broker.port),
        client_id="somebody",
        subscribe=topics_,
        on_receive=lambda topic, payload: heard.append((topic, payload)),
        on_up=lambda: None,
        on_down=lambda: None,
    )
    async with link:
        await until(lambda: link.up)
        yield link, heard


async def test_a_press_is_lit_and_at_the_city_with_its_time(township: Township) -> None:
    async with City(township.city) as city, township.gateway(), township.node() as node:
        await until(node._timepiece.now)
        chosen = [await township.press(1, 3), await township.press(2, 1), await township.press(1, 2)]
        await until(lambda: len(city.ratings) == 3)

        assert all(same(found, press) for found, press in zip(city.ratings.values(), chosen, strict=True))
        assert [number for *_, number in city.ratings] == [1, 2, 3]
        assert {batch.q for batch in city.entered} == {Quality.SYNCHRONISED}
        assert city.lanes == ["live"] * 3
        await until(lambda: node._uplink.sender.lanes.ratings() == 0)


async def test_a_press_while_the_gateway_is_down_survives_a_restart_and_keeps_its_time(township: Township) -> None:
    async with township.node():
        first = [await township.press(1, 3), await township.press(1, 1)]
        await asyncio.sleep(0.5)
    async with township.node() as node:
        second = [await township.press(2, 2)]
        assert node._outbox.undated == 3

        # A gateway comes that does not know the time either: it holds back what has none.
        async with township.gateway() as gateway:
            await until(lambda: node._uplink.sender.lanes.up)
            third = [await township.press(2, 3)]
            await asyncio.sleep(0.3)
            assert gateway._journal.kept == {}

            async with City(township.city) as city:
                # As soon as the gateway knows the time it lets its nodes know that they may ask.
                await until(lambda: len(city.ratings) == 4)

                found = sorted(city.ratings.values(), key=lambda rating: rating[2])
                assert all(same(*pair, within_ms=400) for pair in zip(found, first + second + third, strict=True))
                epochs = {epoch for _, epoch, _ in city.ratings}
                assert len(epochs) == 2
                [chained] = [batch.prev for batch in city.entered if batch.prev]
                assert chained[0] in epochs
                assert chained[1] == 2


async def test_while_the_city_is_down_the_journal_holds_and_the_newest_goes_first(township: Township) -> None:
    async with township.gateway() as gateway, township.node() as node:
        async with City(township.city) as city:
            await until(node._timepiece.now)
            await township.press(1, 3)
            await until(lambda: len(city.ratings) == 1)
        township.city.kill()
        await until(lambda: not gateway._forwarder.sender.lanes.up)
        for level in (1, 2, 3, 1):
            await township.press(2, level)
        await until(lambda: node._uplink.sender.lanes.ratings() == 0)
        assert gateway._forwarder.sender.lanes.ratings() == 4

        await township.city.restart()
        async with City(township.city, "CITYCITY02") as city:
            # A city that was restored from nothing: it asks again for what the first one had.
            await until(lambda: len(city.ratings) == 5)
            assert set(city.lanes) == {"backlog"}
            assert len(set(city.raws)) == len(city.raws) == 5


async def test_a_gateway_that_lost_its_disk_asks_for_everything_again(township: Township) -> None:
    async with City(township.city) as city, township.node() as node:
        async with township.gateway():
            await until(node._timepiece.now)
            for _ in range(3):
                await township.press(1, 3)
            await until(lambda: len(city.ratings) == 3)
        for tail in ("", "-wal", "-shm"):
            (township.folder / f"journal.db{tail}").unlink(missing_ok=True)
        raws = set(city.raws)

        async with township.gateway() as gateway:
            await until(lambda: gateway._journal.kept)
            await until(lambda: sum(len(numbers) for numbers in gateway._journal.kept.values()) == 3)
            # It asks the city what is there before it sends, and the city has them all.
            await until(lambda: gateway._forwarder.sender.lanes.ratings() == 0)
            assert set(city.raws) == raws


async def test_a_gateway_restarts_without_the_city_and_still_knows_its_nodes_and_the_time(township: Township) -> None:
    stranger = RosterNode(A2, OTHER.public)
    async with City(township.city) as city, township.gateway(stranger) as gateway:
        city.publish_papers(Roster(TOWNSHIP, 3, [RosterNode(A1, NODE.public)]))
        await until(lambda: gateway._papers.version == 3 and not gateway._news)
        await until(gateway._timepiece.now)
        await asyncio.sleep(0.1)
    township.city.kill()

    async with township.gateway(stranger) as gateway, township.node() as node:
        assert gateway._papers.nodes == [A1]
        await until(node._timepiece.now)
        chosen = await township.press(1, 3)
        await until(lambda: gateway._journal.kept)
        [item] = await gateway._journal.unsettled()
        raw = (await gateway._journal.raws([item.id]))[item.id]
        assert abs(decode_batch(Signed.of(raw).body).t0 - chosen[2]) <= 150


async def test_only_nodes_on_the_roster_are_heard_and_all_else_is_counted(township: Township) -> None:
    def batch(node: str, first: int = 1) -> bytes:
        return encode(Batch(1, node, "AAAAAAAAAA", first, city_ms(), Quality.SYNCHRONISED, [Row(0, "01", 3, 1)]))

    async with (
        City(township.city) as city,
        township.gateway() as gateway,
        speaking(township.nodes, "manyi/1/+/acks") as (link, heard),
    ):
        for node, payload in [
            (A1, b"rubbish"),
            (A1, batch(A1)),
            (A1, MALLORY.entry(batch(A1, 2))),
            (A1, OTHER.entry(batch(A2))),
            (A2, OTHER.entry(batch(A2))),
            (A1, b"{" + bytes(300_000)),
            ("no-node-at-all", b"rubbish"),
        ]:
            link.publish(topics.node(node, "ratings"), payload)
        link.publish(topics.node(A1, "status"), b"rubbish")
        link.publish(topics.node(A1, "status"), encode(NodeStatus(A2, "up")))
        link.publish(topics.node(A1, "ratings"), NODE.entry(batch(A1, 3)))
        await until(lambda: len(city.ratings) == 1)

        assert gateway._reception.counts == {
            Reason.UNDECODABLE: 3,
            Reason.UNSIGNED: 1,
            Reason.WRONG_SIGNATURE: 1,
            Reason.WRONG_SENDER: 2,
            Reason.UNKNOWN_NODE: 1,
            Reason.OVERSIZED: 1,
        }
        assert [number for *_, number in city.ratings] == [3]
        await until(lambda: city.statuses and city.statuses[-1].quarantined == gateway._reception.counts)
        assert {topic for topic, _ in heard} == {topics.node(A1, "acks"), topics.node(A2, "acks")}


async def test_the_roster_and_configurations_come_signed_and_versions_only_rise(township: Township) -> None:
    def config(version: int, name: str) -> NodeConfig:
        return NodeConfig(A1, version, [WindowPins(name, 2, 3, 4, 5, 6, 7)], 0, 0)

    def serves() -> list[str]:
        return [window.id for window in node._settings.window]

    async with (
        City(township.city) as city,
        township.gateway(RosterNode(A2, OTHER.public)) as gateway,
        township.node() as node,
        speaking(township.nodes, topics.node(A1, "config")) as (link, _),
    ):
        await asyncio.sleep(0.3)
        assert node._timepiece.now() is None

        # The node is registered while it waits: it is invited, not left to its patience.
        city.publish_papers(Roster(TOWNSHIP, 1, [RosterNode(A1, NODE.public)]), config(5, "51"))
        await until(node._timepiece.now, 2.0)
        await until(lambda: serves() == ["51"])
        await township.press(1, 3)
        await until(lambda: len(city.ratings) == 1)
        assert [window for window, *_ in city.ratings.values()] == ["51"]

        city.publish_papers(Roster(TOWNSHIP, 0, []), config(4, "41"))
        city.publish_papers(Roster(TOWNSHIP, 2, []), config(9, "91"), signer=MALLORY)
        link.publish(topics.node(A1, "config"), MALLORY.entry(encode(config(9, "91"))))
        link.publish(topics.node(A1, "config"), CITY.entry(encode(config(4, "41"))))
        link.publish(topics.node(A1, "config"), CITY.entry(encode(NodeConfig(A2, 9, WINDOWS, 0, 0))))
        link.publish(topics.node(A1, "config"), b"rubbish")
        await asyncio.sleep(0.3)
        assert serves() == ["51"]
        assert gateway._papers.nodes == [A1]

        city.publish_papers(config(6, "61"))
        await until(lambda: serves() == ["61"])

    async with township.node() as node:
        assert serves() == ["61"]


async def test_a_receipt_of_the_city_passes_through_and_only_that_lets_delete(township: Township) -> None:
    async with City(township.city) as city, township.gateway() as gateway, township.node() as node:
        await until(node._timepiece.now)
        await township.press(1, 3)
        await until(lambda: node._uplink.sender.lanes.ratings() == 0 and city.entered)
        stream = city.entered[0].stream
        assert len(await node._outbox.unsettled()) == len(await gateway._journal.unsettled()) == 1

        city.say(MALLORY.entry(encode(Receipt(*stream, [(1, 1)], city_ms()))))
        await asyncio.sleep(0.2)
        assert len(await node._outbox.unsettled()) == len(await gateway._journal.unsettled()) == 1

        async with asyncio.timeout(20):
            while await node._outbox.unsettled() or await gateway._journal.unsettled():
                city.say(city.receipt(stream, 1))
                await asyncio.sleep(0.05)
        assert node._outbox.kept[stream] == gateway._journal.kept[stream] == Ranges([(1, 1)])


async def test_what_the_city_refuses_stops_nothing_and_node_and_gateway_keep_it(township: Township) -> None:
    async with City(township.city) as city, township.gateway() as gateway, township.node() as node:
        await until(node._timepiece.now)
        city.refuse = {2}
        for _ in range(4):
            await township.press(1, 3)
        await until(lambda: len(city.ratings) == 3)
        await until(lambda: len(node._uplink.sender._resting.rested(float("inf"))) == 1)

        [numbers] = gateway._journal.kept.values()
        assert numbers == Ranges([(1, 4)])
        assert node._outbox.kept[node._outbox.stream] == Ranges([(1, 4)])


async def test_the_city_sees_how_the_nodes_are(township: Township) -> None:
    async with City(township.city) as city, township.gateway():
        async with township.node(heartbeat_s=0.2):
            await until(lambda: city.statuses and city.statuses[-1].nodes[0].status.clock_error_ms is not None)
            status = city.statuses[-1]
            assert (status.node, status.state, [health.status.node for health in status.nodes]) == (G0, "up", [A1])
            assert status.nodes[0].status.windows == ["01", "02"]
        await until(lambda: city.statuses[-1].nodes[0].status.state == "down")
    async with City(township.city, "CITYCITY02") as city:
        await until(lambda: city.statuses)
        assert [status.state for status in city.statuses] == ["down"]


async def test_a_node_with_a_damaged_store_begins_a_new_one(township: Township) -> None:
    (township.folder / "outbox.db").write_bytes(b"rubbish" * 3000)
    async with City(township.city) as city, township.gateway(), township.node() as node:
        await until(node._timepiece.now)
        await township.press(1, 3)
        await until(lambda: len(city.ratings) == 1)
    assert (township.folder / "outbox.db.damaged-1").exists()


async def test_a_moved_node_does_not_take_its_old_configuration_along(township: Township) -> None:
    shelf = await Shelf.open(township.folder / "outbox.db")
    await shelf.keep({"config": CITY.entry(encode(NodeConfig(A2, 7, [WindowPins("77", 2, 3, 4)], 0, 0)))})
    await shelf.close()

    async with township.node() as node:
        assert [window.id for window in node._settings.window] == ["01", "02"]
