"""Both brokers, driven by the MQTT client of the product: whatever the demo runs on must carry our topics."""

import asyncio
import logging
import os
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from firmware_sim.broker import Amqtt, Broker, Mosquitto, answers, choose
from firmware_sim.servers.daemon import ServerError, free_port, port_is_free

WAIT_S = 40


class Wire:
    """A connected paho client that keeps what it hears as (topic, payload, retained)."""

    def __init__(self, broker: Broker, *, will: str | None = None) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self._up = threading.Event()
        self._granted = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, clean_session=True)
        self.client.on_connect = lambda *_: self._up.set()
        self.client.on_subscribe = lambda *_: self._granted.set()
        self.client.on_message = lambda _client, _user, heard: self.heard.append(
            (heard.topic, bytes(heard.payload), heard.retain)
        )
        if will:
            self.client.will_set(will, b"dead", qos=1, retain=True)
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()
        assert self._up.wait(WAIT_S)

    def subscribe(self, *topics: str) -> None:
        self._granted.clear()
        self.client.subscribe([(topic, 1) for topic in topics])
        assert self._granted.wait(WAIT_S)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        sent = self.client.publish(topic, payload, qos=1, retain=retain)
        sent.wait_for_publish(WAIT_S)
        assert sent.is_published()

    async def hears(self, *expected: tuple[str, bytes, bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while len(self.heard) < len(expected):
                await asyncio.sleep(0.01)
        assert self.heard == list(expected)

    def cut(self) -> None:
        """Lose the connection without a goodbye, and stay away."""
        wire = self.client.socket()
        assert isinstance(wire, socket.socket)
        self.client.loop_stop()
        wire.close()


@pytest.fixture(params=["mosquitto", "amqtt"])
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Broker]:
    async with Mosquitto(tmp_path) if request.param == "mosquitto" else Amqtt() as made:
        yield made


@pytest.fixture
def wires() -> Iterator[list[Wire]]:
    """Wires to be closed at the end."""
    made: list[Wire] = []
    yield made
    for wire in made:
        wire.client.disconnect()
        wire.client.loop_stop()


async def connect(broker: Broker, wires: list[Wire], *, will: str | None = None) -> Wire:
    """Connect off the loop: amqtt answers on it."""
    wire = await asyncio.to_thread(lambda: Wire(broker, will=will))
    wires.append(wire)
    return wire


async def test_wildcards_carry_both_brokers_topics(broker: Broker, wires: list[Wire]) -> None:
    city, node = await connect(broker, wires), await connect(broker, wires)
    await asyncio.to_thread(city.subscribe, "manyi/1/+/ratings", "manyi/1/371721/+/live")
    await asyncio.to_thread(node.publish, "manyi/1/371721121-a1/ratings", b"one")
    await asyncio.to_thread(node.publish, "manyi/1/371721121-a1/acks", b"not asked for")
    await asyncio.to_thread(node.publish, "manyi/1/371722/371722100/live", b"another county")
    await asyncio.to_thread(node.publish, "manyi/1/371721/371721121/live", b"two")
    await city.hears(("manyi/1/371721121-a1/ratings", b"one", False), ("manyi/1/371721/371721121/live", b"two", False))


async def test_a_bundle_of_256_kib_arrives_whole(broker: Broker, wires: list[Wire]) -> None:
    city, gateway = await connect(broker, wires), await connect(broker, wires)
    await asyncio.to_thread(city.subscribe, "manyi/1/371721/371721121/backlog")
    bundle = bytes(range(256)) * 1024
    await asyncio.to_thread(gateway.publish, "manyi/1/371721/371721121/backlog", bundle)
    await city.hears(("manyi/1/371721/371721121/backlog", bundle, False))


async def test_a_burst_beyond_the_default_queue_arrives_in_order(broker: Broker, wires: list[Wire]) -> None:
    city, gateway = await connect(broker, wires), await connect(broker, wires)
    await asyncio.to_thread(city.subscribe, "manyi/1/+/+/live")
    expected = [("manyi/1/371721/371721121/live", b"%d" % number, False) for number in range(3000)]

    def burst() -> None:
        for topic, payload, _ in expected:
            gateway.client.publish(topic, payload, qos=1)

    await asyncio.to_thread(burst)
    await city.hears(*expected)


async def test_a_late_subscriber_gets_the_retained_status(broker: Broker, wires: list[Wire]) -> None:
    node = await connect(broker, wires)
    await asyncio.to_thread(node.publish, "manyi/1/371721121-a1/status", b"first", retain=True)
    await asyncio.to_thread(node.publish, "manyi/1/371721121-a1/status", b"second", retain=True)
    late = await connect(broker, wires)
    await asyncio.to_thread(late.subscribe, "manyi/1/+/status")
    await late.hears(("manyi/1/371721121-a1/status", b"second", True))


async def test_what_is_retained_reaches_only_those_who_subscribed(broker: Broker, wires: list[Wire]) -> None:
    gateway = await connect(broker, wires)
    await asyncio.to_thread(gateway.subscribe, "manyi/1/+/status")
    await asyncio.to_thread(gateway.publish, "manyi/1/371721121-a1/status", b"online", retain=True)
    node = await connect(broker, wires)
    await asyncio.to_thread(node.subscribe, "manyi/1/371721121-a2/config")
    await asyncio.to_thread(node.publish, "manyi/1/371721121-a2/config", b"for me")
    await node.hears(("manyi/1/371721121-a2/config", b"for me", False))


async def test_a_fleet_that_connects_at_once_is_served(broker: Broker, wires: list[Wire]) -> None:
    names = [f"371721121-n{number}" for number in range(60)]

    def arrive(name: str) -> Wire:
        wire = Wire(broker)
        wire.publish(f"manyi/1/{name}/status", b"online", retain=True)
        wire.subscribe(f"manyi/1/{name}/acks", f"manyi/1/{name}/config")
        wire.publish(f"manyi/1/{name}/acks", name.encode())
        return wire

    wires += await asyncio.gather(*(asyncio.to_thread(arrive, name) for name in names))
    for name, wire in zip(names, wires, strict=True):
        await wire.hears((f"manyi/1/{name}/acks", name.encode(), False))


async def test_a_lost_connection_leaves_its_will_and_a_goodbye_does_not(broker: Broker, wires: list[Wire]) -> None:
    gateway = await connect(broker, wires)
    await asyncio.to_thread(gateway.subscribe, "manyi/1/+/status")
    polite = await connect(broker, wires, will="manyi/1/371721121-polite/status")
    await asyncio.to_thread(polite.client.disconnect)
    cut = await connect(broker, wires, will="manyi/1/371721121-cut/status")
    await asyncio.to_thread(cut.cut)
    await gateway.hears(("manyi/1/371721121-cut/status", b"dead", False))


async def test_stop_frees_the_port_and_start_takes_the_same_one(broker: Broker) -> None:
    port = broker.port
    assert await answers(broker.host, port)
    await broker.stop()
    assert not await answers(broker.host, port)
    assert port_is_free(broker.host, port)
    await broker.stop()
    await broker.start()
    assert broker.port == port
    assert await answers(broker.host, port)


async def test_a_taken_port_is_one_plain_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for refused in (Mosquitto(tmp_path, port=port), Amqtt(port=port)):
            with pytest.raises(ServerError, match=rf"^{refused.name}.*{port}.*in use$"):
                await refused.start()
            await refused.stop()


def test_a_port_whose_server_has_not_begun_is_not_given_again() -> None:
    ports = [free_port() for _ in range(400)]
    assert len(set(ports)) == len(ports)


async def test_a_second_start_is_refused(broker: Broker) -> None:
    with pytest.raises(ServerError, match="already running"):
        await broker.start()


async def test_mosquitto_says_why_it_did_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "mosquitto"
    broken.write_text("#!/bin/sh\necho starting\necho 'Error: out of luck'\nexit 3\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setattr("firmware_sim.broker.mosquitto_path", lambda: str(broken))
    with pytest.raises(ServerError, match=r"^mosquitto at 127\.0\.0\.1:\d+: Error: out of luck$"):
        await Mosquitto(tmp_path / "folder").start()


async def test_kill_is_immediate_and_forgets_what_was_retained(mosquitto: Mosquitto, wires: list[Wire]) -> None:
    node = await connect(mosquitto, wires)
    await asyncio.to_thread(node.publish, "manyi/1/371721121-a1/status", b"alive", retain=True)
    node.client.disconnect()
    first = mosquitto.pid
    mosquitto.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    assert not await answers(mosquitto.host, mosquitto.port)
    await mosquitto.restart()
    assert mosquitto.pid != first
    late = await connect(mosquitto, wires)
    await asyncio.to_thread(late.subscribe, "manyi/1/+/status")
    await asyncio.to_thread(late.publish, "manyi/1/371721121-b2/status", b"new")
    await late.hears(("manyi/1/371721121-b2/status", b"new", False))


async def test_mosquitto_survives_ctrl_c_in_our_process_group(mosquitto: Mosquitto) -> None:
    assert os.getpgid(mosquitto.pid) != os.getpgid(0)


async def test_amqtt_says_nothing_below_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Amqtt() as quiet:
        assert await answers(quiet.host, quiet.port)
    assert [record for record in caplog.records if record.name.startswith(("amqtt", "transitions"))] == []


def test_mosquitto_is_chosen_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_sim.broker.mosquitto_path", lambda: "/usr/sbin/mosquitto")
    assert isinstance(choose(tmp_path), Mosquitto)
    monkeypatch.setattr("firmware_sim.broker.mosquitto_path", lambda: None)
    assert isinstance(choose(tmp_path), Amqtt)
