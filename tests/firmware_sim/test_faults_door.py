"""The door between two parts of a city: nothing touched when idle; by rule, by name, half open when a fault asks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from firmware_sim.faults.door import Door, Passage, Way
from firmware_sim.faults.packets import Framer, Packet, packet, publish
from firmware_sim.servers.daemon import HOST


def connect(name: str) -> bytes:
    return packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x0f" + len(name).to_bytes(2, "big") + name.encode()).raw


class Echo:
    """A server that says back what it hears, and counts who is there."""

    def __init__(self) -> None:
        self.heard = b""
        self.guests = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.guests += 1
        try:
            while some := await reader.read(65536):
                self.heard += some
                writer.write(some)
        except ConnectionError:
            pass
        finally:
            self.guests -= 1
            writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Echo, Door]]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, HOST, 0)
    door = Door(lambda: server.sockets[0].getsockname()[:2])
    await door.open()
    yield echo, door
    await door.close()
    server.close()


@asynccontextmanager
async def guest(door: Door, name: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(HOST, door.port)
    try:
        writer.write(connect(name))
        yield reader, writer
    finally:
        writer.close()


async def until(seen: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not seen():
            await asyncio.sleep(0.01)


async def test_an_idle_door_passes_every_byte_both_ways(echo: tuple[Echo, Door]) -> None:
    server, door = echo
    sent = b"".join(publish("t", bytes([number]) * number * 50).raw for number in range(1, 200))
    async with guest(door, "a") as (reader, writer):
        writer.write(sent)
        assert await reader.readexactly(len(connect("a") + sent)) == connect("a") + sent
    assert server.heard == connect("a") + sent
    assert door.carried == 2 * len(server.heard)


async def test_a_rule_changes_packets_and_leaves_the_stream_whole(echo: tuple[Echo, Door]) -> None:
    server, door = echo

    def rule(passage: Passage, way: Way, packet: Packet) -> bytes:
        assert passage.who == "a"
        if way is Way.UP and packet.raw[0] == 0x30:
            return {b"drop": b"", b"twice": packet.raw * 2}.get(packet.payload, packet.raw)
        return packet.raw

    async with guest(door, "a") as (reader, writer):
        with door.ruled(rule):
            writer.write(b"".join(publish("t", payload).raw for payload in (b"one", b"drop", b"twice", b"end")))
            await until(lambda: b"end" in server.heard)
        writer.write(publish("t", b"drop").raw)
        await until(lambda: b"drop" in server.heard)
        assert [each.payload for each in Framer().feed(server.heard[len(connect("a")) :])] == [
            *(b"one", b"twice", b"twice", b"end", b"drop")
        ]
        assert await reader.read(1)


async def test_who_is_barred_is_cut_off_and_not_let_in_and_others_stay(echo: tuple[Echo, Door]) -> None:
    server, door = echo
    async with guest(door, "a") as (a, _), guest(door, "b"):
        await until(lambda: server.guests == 2 and len(door.through(lambda _: True)) == 2)
        await a.readexactly(len(connect("a")))
        with door.barred(lambda name: name == "a"):
            with pytest.raises(ConnectionError):
                await a.read(1)
            async with guest(door, "a") as (again, _):
                with pytest.raises(ConnectionError):
                    await again.read(1)
            assert door.refused == 1
            await until(lambda: server.guests == 1)
        async with guest(door, "a") as (again, _):
            assert await again.readexactly(len(connect("a")))


async def test_a_forgotten_guest_is_not_told_and_what_it_sends_is_swallowed(echo: tuple[Echo, Door]) -> None:
    server, door = echo
    async with guest(door, "a") as (reader, writer):
        await reader.readexactly(len(connect("a")))
        (passage,) = door.through(lambda _: True)
        passage.forget()
        await until(lambda: server.guests == 0)
        writer.write(publish("t", b"lost").raw)
        await until(lambda: door.swallowed > 0)
        assert b"lost" not in server.heard
        passage.cut()
        with pytest.raises(ConnectionError):
            await reader.read(1)
