"""A proxy of our own between two parts of a city: it passes bytes on untouched until a fault gives it a rule.

It knows MQTT's packets, so a rule can drop, double, hold or alter one of them and leave the rest of the stream whole.
Who comes through is known by the name in the CONNECT: one door serves all townships, and a fault can pick one node.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum

from firmware_sim.broker import Broker
from firmware_sim.faults.packets import CONNECT, Framer, Packet
from firmware_sim.servers.daemon import HOST, take_port

_CHUNK = 1 << 16
# A close with this sends RST: the other end learns at once that nothing of the connection is left.
_LINGER_NOT = struct.pack("ii", 1, 0)


class Way(StrEnum):
    """Which way a packet goes: from the guest to the server, or back."""

    UP = "up"
    DOWN = "down"


Rule = Callable[["Passage", Way, Packet], bytes]
"""What goes on in place of a packet, now; b"" for nothing. What it holds back it sends later by `Passage.send`."""

Tap = Callable[[Way, Packet], None]
"""Hears what passes, and changes nothing."""

Who = Callable[[str], bool]
"""Tells by a client's name whether a fault is meant for it."""


class Passage:
    """One guest's connection through the door and the one to the server behind it; `who` is the client's name."""

    def __init__(self, door: "Door", guest: asyncio.StreamWriter) -> None:
        """Begin with nobody on the other side."""
        self.who = ""
        self._door = door
        self._writers: dict[Way, asyncio.StreamWriter] = {Way.DOWN: guest}
        self._forgotten = False

    def send(self, way: Way, raw: bytes) -> None:
        """Put bytes on the wire, unless that end is closed."""
        writer = self._writers.get(way)
        if writer is not None and not writer.is_closing():
            writer.write(raw)

    def cut(self) -> None:
        """End both connections at once, with RST."""
        for writer in self._writers.values():
            _reset(writer)

    def forget(self) -> None:
        """Let the server lose this guest, who is not told: a half-open connection until `cut`."""
        self._forgotten = True
        if Way.UP in self._writers:
            _reset(self._writers[Way.UP])

    async def run(self, guest: asyncio.StreamReader) -> None:
        """Carry bytes both ways until either end closes."""
        try:
            server, writer = await asyncio.open_connection(*self._door.behind)
        except OSError:
            return
        self._writers[Way.UP] = writer
        try:
            async with asyncio.TaskGroup() as group:
                back = group.create_task(self._carry(Way.DOWN, server), name="from the server")
                await self._carry(Way.UP, guest)
                back.cancel()
        finally:
            writer.close()

    async def _carry(self, way: Way, reader: asyncio.StreamReader) -> None:
        door, framer = self._door, Framer() if self._door.framed else None
        with suppress(OSError, ValueError):
            while some := await reader.read(_CHUNK):
                packets = [Packet(some, 0)] if framer is None else list(framer.feed(some))
                for packet in packets:
                    if way is Way.UP and framer is not None and packet.kind == CONNECT:
                        self.who = packet.client
                        if not door.admits(self.who):
                            door.refused += 1
                            self.cut()
                            return
                    for tap in door.taps:
                        tap(way, packet)
                rule = door.rule
                out = [packet.raw if rule is None else rule(self, way, packet) for packet in packets]
                if self._forgotten:
                    door.swallowed += len(some)
                    continue
                writer = self._writers[way]
                writer.writelines(out)
                door.carried += len(some)
                await writer.drain()
        if way is Way.DOWN and not self._forgotten:
            self._writers[Way.DOWN].close()


class Door:
    """Listens on a port of its own and carries everybody to `behind`, as `rule` and `admits` say.

    `carried`: bytes so far; `swallowed`: bytes of guests whom the server has lost; `refused`: connections not let in.
    """

    def __init__(self, behind: Callable[[], tuple[str, int]], *, framed: bool = True, port: int = 0) -> None:
        """Prepare; `behind` tells host and port once somebody comes. Not `framed`: bytes, whatever they mean."""
        self.framed = framed
        self.port = port
        self.rule: Rule | None = None
        self.admits: Who = _everybody
        self.taps: list[Tap] = []
        self.passages: set[Passage] = set()
        self.carried = self.swallowed = self.refused = 0
        self._behind = behind
        self._server: asyncio.Server | None = None

    @property
    def behind(self) -> tuple[str, int]:
        """Host and port of the server."""
        return self._behind()

    async def open(self) -> None:
        """Begin to listen."""
        self.port = self.port or take_port("door", 0)
        self._server = await asyncio.start_server(self._guest, HOST, self.port)

    async def close(self) -> None:
        """Listen no more and end every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for passage in [*self.passages]:
            passage.cut()

    def through(self, who: Who) -> list[Passage]:
        """Return the connections that stand, of those that `who` means."""
        return [passage for passage in self.passages if passage.who and who(passage.who)]

    @contextmanager
    def ruled(self, rule: Rule) -> Iterator[None]:
        """Let every packet go by `rule` for as long as the block lasts."""
        self.rule = rule
        try:
            yield
        finally:
            self.rule = None

    @contextmanager
    def tapped(self, tap: Tap) -> Iterator[None]:
        """Let `tap` hear every packet for as long as the block lasts."""
        self.taps.append(tap)
        try:
            yield
        finally:
            self.taps.remove(tap)

    @contextmanager
    def barred(self, who: Who) -> Iterator[None]:
        """Cut off whom `who` means and let none of them in for as long as the block lasts."""
        self.admits = lambda name: not who(name)
        try:
            for passage in self.through(who):
                passage.cut()
            yield
        finally:
            self.admits = _everybody

    async def _guest(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passage = Passage(self, writer)
        if not self.framed:
            passage.who = "wall"
            if not self.admits(passage.who):
                self.refused += 1
                passage.cut()
                return
        _at_once(writer)
        self.passages.add(passage)
        try:
            await passage.run(reader)
        finally:
            self.passages.discard(passage)
            writer.close()


class Behind(Broker):
    """A broker behind a door: whoever asks for its address gets the door's."""

    def __init__(self, broker: Broker) -> None:
        """Prepare; both start and stop together."""
        super().__init__()
        self.name = broker.name
        self.broker = broker
        self.door = Door(lambda: (broker.host, broker.port))

    @property
    def port(self) -> int:
        """The door's port."""
        return self.door.port

    async def start(self) -> None:
        """Start the broker, then open the door."""
        await self.broker.start()
        await self.door.open()

    async def stop(self) -> None:
        """Close the door, then stop the broker."""
        await self.door.close()
        await self.broker.stop()


def _everybody(_: str) -> bool:
    return True


def _at_once(writer: asyncio.StreamWriter) -> None:
    wire: socket.socket = writer.get_extra_info("socket")
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _reset(writer: asyncio.StreamWriter) -> None:
    wire = writer.get_extra_info("socket")
    if wire is not None and not writer.is_closing():
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()
