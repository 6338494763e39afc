"""MQTT 3.1.1 by hand, as little of it as a load generator needs: whole packets out at a given moment, acks in.

paho took 190 us of CPU to send a message and receive one, most of a core at the rates asked here, and the generator
shares the machine with what it measures. These packets are made before the run; sending one is a `write`.
"""

import asyncio
from collections.abc import Callable

_PUBLISH, _PUBACK, _SUBACK = 3, 4, 9
_IDS = 65_535


def packet(topic: str, payload: bytes, number: int) -> bytes:
    """The `number`th (from 0) publish with QoS 1 of one connection."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + (1 + number % _IDS).to_bytes(2, "big") + payload
    return b"\x32" + _length(len(body)) + body


def _length(size: int) -> bytes:
    digits = bytearray()
    while True:
        size, digit = divmod(size, 128)
        digits.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(digits)


class Wire(asyncio.Protocol):
    """One connection: `send` packets, and `on_receive(payload)` for what the broker delivers; `open` makes one."""

    def __init__(self, client_id: str, topic: str, on_receive: Callable[[bytes], None]) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.acknowledged = 0
        self._client_id = client_id.encode()
        self._topic = topic.encode()
        self._on_receive = on_receive
        self._left = b""
        self._transport: asyncio.Transport

    @classmethod
    async def open(cls, host: str, port: int, topic: str, on_receive: Callable[[bytes], None], *, name: str) -> "Wire":
        """Connect, and return when the subscription to `topic` is granted."""
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(lambda: cls(name, topic, on_receive), host, port)
        await asyncio.wait_for(wire.ready, 10)
        return wire

    def send(self, packets: bytes) -> None:
        """Write whole packets."""
        self._transport.write(packets)

    def close(self) -> None:
        """Leave properly."""
        self._transport.write(b"\xe0\x00")
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Introduce ourselves, without a keepalive, and subscribe."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport
        hello = b"\x00\x04MQTT\x04\x02\x00\x00" + len(self._client_id).to_bytes(2, "big") + self._client_id
        wish = b"\x00\x01" + len(self._topic).to_bytes(2, "big") + self._topic + b"\x01"
        transport.write(b"\x10" + _length(len(hello)) + hello + b"\x82" + _length(len(wish)) + wish)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever still waits for us learns of it."""
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("the broker closed the connection"))

    def data_received(self, data: bytes) -> None:
        """Take packets apart."""
        buffer = self._left + data if self._left else data
        at = 0
        answers = bytearray()
        while (found := _next(buffer, at)) is not None:
            kind, start, end = found
            at = end
            if kind == _PUBACK:
                self.acknowledged += 1
            elif kind == _PUBLISH:
                # Delivered with QoS 1: a number stands behind the topic, and is what we acknowledge.
                behind = start + 2 + int.from_bytes(buffer[start : start + 2], "big")
                answers += b"\x40\x02" + buffer[behind : behind + 2]
                self._on_receive(buffer[behind + 2 : end])
            elif kind == _SUBACK and not self.ready.done():
                self.ready.set_result(None)
        self._left = buffer[at:]
        if answers:
            self._transport.write(bytes(answers))


def _next(buffer: bytes, at: int) -> tuple[int, int, int] | None:
    """Kind, start and end of the body of the packet at `at`; None while it is not all there."""
    size = shift = 0
    place = at + 1
    while place < len(buffer):
        digit = buffer[place]
        size |= (digit & 0x7F) << shift
        place += 1
        if digit < 0x80:
            return (buffer[at] >> 4, place, place + size) if place + size <= len(buffer) else None
        shift += 7
    return None
