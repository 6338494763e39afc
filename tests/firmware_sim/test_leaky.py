"""A broker that lies: what it swallows is acknowledged all the same, and the rest passes as it is."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import publish

from firmware_sim.broker import Mosquitto
from firmware_sim.leaky import Leaky, Packet, read_packet
from transport import link
from transport.broker import Broker


@pytest.fixture
async def leaky(tmp_path: Path) -> AsyncIterator[Leaky]:
    async with Leaky(Mosquitto(tmp_path / "broker"), share=0, random=Random(1)) as door:
        yield door


async def say(door: Leaky, text: str, *, qos: int = 1, retain: bool = False) -> None:
    # With QoS 1 it returns when the broker, or who stands before it, has acknowledged.
    await asyncio.to_thread(publish.single, "a/b", text, qos=qos, retain=retain, hostname=door.host, port=door.port)


async def until(enough: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not enough():
            await asyncio.sleep(0.01)


async def test_what_is_swallowed_is_acknowledged_and_the_rest_arrives(leaky: Leaky) -> None:
    heard: list[bytes] = []
    up = asyncio.Event()
    ear = link.Link(
        Broker(leaky.host, leaky.port),
        client_id="ear",
        subscribe=["a/b"],
        on_receive=lambda _, payload: heard.append(payload),
        on_up=up.set,
        on_down=up.clear,
    )
    async with ear:
        await up.wait()
        await say(leaky, "one")
        leaky.share = 1
        await say(leaky, "two")
        await say(leaky, "three", retain=True)  # a status, not a rating
        await say(leaky, "four", qos=0)
        leaky.share = 0
        await say(leaky, "x" * 200_000)
        await until(lambda: len(heard) == 4)
    assert heard == [b"one", b"three", b"four", b"x" * 200_000]
    assert leaky.dropped == 1


async def test_it_keeps_its_port_over_a_restart(leaky: Leaky) -> None:
    before = leaky.port
    await leaky.stop()
    await leaky.start()
    assert leaky.port == before
    await say(leaky, "again")


@given(st.integers(min_value=1, max_value=65_535), st.text(min_size=1, max_size=200), st.binary(max_size=300))
def test_the_acknowledgement_names_the_packet(number: int, topic: str, payload: bytes) -> None:
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + number.to_bytes(2, "big") + payload
    length = bytes([len(body)]) if len(body) < 128 else bytes([len(body) % 128 | 128, len(body) // 128])

    async def read() -> Packet:
        reader = asyncio.StreamReader()
        reader.feed_data(b"\x3a" + length + body)  # DUP, QoS 1
        return await read_packet(reader)

    packet = asyncio.run(read())
    assert packet.raw == b"\x3a" + length + body
    assert packet.droppable
    assert packet.puback == b"\x40\x02" + number.to_bytes(2, "big")
