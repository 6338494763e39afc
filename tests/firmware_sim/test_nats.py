"""Three NATS servers as one MQTT broker: any of them takes and gives, and one may die."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt import publish
from paho.mqtt.enums import CallbackAPIVersion

from firmware_sim.broker import answers
from firmware_sim.servers.daemon import ServerError
from firmware_sim.servers.nats import Nats, NatsCluster

pytestmark = pytest.mark.timeout(120)

TOPIC = "manyi/1/371721/371721121/live"


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[NatsCluster]:
    async with NatsCluster(tmp_path / "nats") as running:
        yield running


class Ear:
    """A subscriber at one node, in a thread of its own."""

    def __init__(self, node: Nats) -> None:
        self.heard: list[bytes] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="ear", clean_session=True)
        self._client.on_message = lambda *said: self.heard.append(said[2].payload)
        self._client.connect(node.host, node.port)
        self._client.subscribe("manyi/1/+/+/live", 1)
        self._client.loop_start()

    async def hears(self, *expected: bytes) -> None:
        async with asyncio.timeout(30):
            while set(expected) - set(self.heard):
                await asyncio.sleep(0.05)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


async def say(node: Nats, payload: bytes) -> None:
    await asyncio.to_thread(
        publish.single, TOPIC, payload, qos=1, hostname=node.host, port=node.port, client_id=f"mouth-{payload.decode()}"
    )


async def test_any_node_takes_and_gives_and_a_leader_may_die(cluster: NatsCluster) -> None:
    assert [f"127.0.0.1:{node.port}" for node in cluster.nodes] == [f"{cluster.host}:{cluster.port}", *cluster.also]
    leader = await cluster.leader()
    one, other = (node for node in cluster.nodes if node is not leader)
    ear = await asyncio.to_thread(Ear, one)
    try:
        await asyncio.sleep(0.5)  # NATS grants a subscription before it serves it at every node
        for node in cluster.nodes:
            await say(node, b"%d" % node.port)
        await ear.hears(*(b"%d" % node.port for node in cluster.nodes))
        leader.kill()
        assert not await answers(leader.host, leader.port)
        await say(other, b"after")
        await ear.hears(b"after")
        assert await cluster.leader() is not leader
        await leader.start()
        await say(leader, b"again")
        await ear.hears(b"again")
    finally:
        await asyncio.to_thread(ear.close)


async def test_one_session_may_listen_to_as_many_places_as_a_worker_has_counties(cluster: NatsCluster) -> None:
    """NATS refuses what goes beyond 65,535 messages under way in one session, each subscription at its most."""
    granted: list[bool] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="worker", clean_session=True)
    client.on_subscribe = lambda *said: granted.extend(not code.is_failure for code in said[3])
    client.connect(cluster.host, cluster.port)
    client.subscribe([(f"manyi/1/{county}/+/live", 1) for county in range(371701, 371731)])
    client.loop_start()
    try:
        async with asyncio.timeout(30):
            while not granted:
                await asyncio.sleep(0.05)
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)
    assert granted == [True] * 30


async def test_a_taken_port_is_one_line_and_nothing_is_left_running(tmp_path: Path) -> None:
    cluster = NatsCluster(tmp_path / "nats")
    _, taken, _ = cluster.nodes
    server = await asyncio.start_server(lambda *_: None, taken.host, taken.port)
    async with server:
        with pytest.raises(ServerError, match=f"^nats node 1: 127.0.0.1:{taken.port} is in use$"):
            await cluster.start()
    for node in cluster.nodes:
        with pytest.raises(ServerError, match=r"is not running$"):
            _ = node.pid
