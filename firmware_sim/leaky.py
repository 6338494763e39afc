"""A broker that lies: it acknowledges every publish and passes only some of them on.

Brokers do that: mosquitto answers PUBACK to what it drops when a queue is full, and one that is killed loses what it
had acknowledged. Here it happens often enough for a test of some seconds, and on the bytes of MQTT 3.1.1 itself.
"""

import asyncio
from contextlib import suppress
from random import Random
from typing import NamedTuple

from firmware_sim.broker import Broker

# The fixed header's first byte: type 3, QoS 1, not retained; DUP may be set or not.
_QOS_1 = 0b0011_0010
_DUP = 0b0000_1000
_PUBACK = b"\x40\x02"


class Packet(NamedTuple):
    """One MQTT packet: its whole bytes, and where what follows the fixed header begins."""

    raw: bytes
    body: int

    @property
    def droppable(self) -> bool:
        """Whether it is a publish with QoS 1 that is not retained."""
        return self.raw[0] & ~_DUP == _QOS_1

    @property
    def puback(self) -> bytes:
        """What the sender of this publish takes for its safe arrival."""
        topic = int.from_bytes(self.raw[self.body : self.body + 2], "big")
        return _PUBACK + self.raw[self.body + 2 + topic : self.body + 4 + topic]


async def read_packet(reader: asyncio.StreamReader) -> Packet:
    """Read one packet; `asyncio.IncompleteReadError` at the end of the connection."""
    head = await reader.readexactly(1)
    length = shift = 0
    while True:
        digit = await reader.readexactly(1)
        head += digit
        length |= (digit[0] & 0x7F) << shift
        shift += 7
        if digit[0] < 0x80:  # noqa: PLR2004  (the last digit has no continuation bit)
            break
    return Packet(head + await reader.readexactly(length), len(head))


class Leaky(Broker):
    """`broker` behind a door that swallows `share` of the publishes that come in and counts them in `dropped`."""

    def __init__(self, broker: Broker, *, share: float, random: Random) -> None:
        """Prepare; both start and stop together."""
        super().__init__()
        self.name = f"leaky {broker.name}"
        self.dropped = 0
        self._broker = broker
        self.share = share
        self._random = random
        self._door: asyncio.Server | None = None

    async def start(self) -> None:
        """Start the broker, then open the door."""
        await self._broker.start()
        self._door = await asyncio.start_server(self._guest, self.host, self._port)
        self._port = self._door.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the door, then stop the broker, which ends the connections that stand."""
        if self._door is not None:
            self._door.close()
            self._door = None
        await self._broker.stop()

    async def _guest(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            inside, outside = await asyncio.open_connection(self._broker.host, self._broker.port)
            try:
                async with asyncio.TaskGroup() as group:
                    back = group.create_task(_copy(inside, writer), name="broker to guest")
                    with suppress(OSError, asyncio.IncompleteReadError):
                        await self._sieve(reader, outside, writer)
                    back.cancel()
            finally:
                outside.close()
        writer.close()

    async def _sieve(
        self, reader: asyncio.StreamReader, outside: asyncio.StreamWriter, guest: asyncio.StreamWriter
    ) -> None:
        while True:
            packet = await read_packet(reader)
            if packet.droppable and self._random.random() < self.share:
                self.dropped += 1
                guest.write(packet.puback)
            else:
                outside.write(packet.raw)
                await outside.drain()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while some := await reader.read(65536):
            writer.write(some)
        writer.close()
