"""MQTT 3.1.1 packets out of a stream of bytes, and what a proxy has to know about them. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

CONNECT, PUBLISH, PUBACK = 1, 3, 4
_QOS = 0b0000_0110
_MOST_LENGTH_BYTES = 4
_MORE = 0x80
# In a CONNECT the client's name follows "MQTT", its level, the flags and the keepalive.
_NAME_AT = 10


class Packet(NamedTuple):
    """One packet: its whole bytes, and where what follows the fixed header begins."""

    raw: bytes
    body: int

    @property
    def kind(self) -> int:
        """Return its type, such as `PUBLISH`."""
        return self.raw[0] >> 4

    @property
    def topic(self) -> str:
        """Return the topic of a PUBLISH."""
        return _text(self.raw, self.body)

    @property
    def number(self) -> int:
        """Return the packet number of a PUBACK or of a PUBLISH with QoS 1; 0 for one without."""
        if self.kind == PUBACK:
            return int.from_bytes(self.raw[self.body : self.body + 2], "big")
        if not self.raw[0] & _QOS:
            return 0
        at = self.body + 2 + len(self.topic.encode())
        return int.from_bytes(self.raw[at : at + 2], "big")

    @property
    def payload(self) -> bytes:
        """Return what a PUBLISH carries."""
        at = self.body + 2 + len(self.topic.encode())
        return self.raw[at + 2 if self.raw[0] & _QOS else at :]

    @property
    def client(self) -> str:
        """Return the client's name in a CONNECT."""
        return _text(self.raw, self.body + _NAME_AT)

    def carrying(self, payload: bytes) -> "Packet":
        """Return the same PUBLISH with another payload."""
        head = self.raw[self.body : len(self.raw) - len(self.payload)]
        return packet(self.raw[0], head + payload)


def packet(first: int, rest: bytes) -> Packet:
    """Make a packet of its first byte and what follows the fixed header."""
    length, digits = len(rest), bytearray()
    while True:
        length, digit = divmod(length, _MORE)
        digits.append(digit | (_MORE if length else 0))
        if not length:
            break
    return Packet(bytes([first, *digits]) + rest, 1 + len(digits))


def publish(topic: str, payload: bytes) -> Packet:
    """Make a PUBLISH with QoS 0, which nobody answers."""
    name = topic.encode()
    return packet(PUBLISH << 4, len(name).to_bytes(2, "big") + name + payload)


def puback(number: int) -> bytes:
    """Return what tells the sender of publish `number` that it arrived."""
    return bytes([PUBACK << 4, 2]) + number.to_bytes(2, "big")


class Framer:
    """Cuts one direction of a connection into packets."""

    def __init__(self) -> None:
        """Begin at a packet's first byte."""
        self._rest = b""

    def feed(self, some: bytes) -> Iterator[Packet]:
        """Yield the packets that `some` completes; ValueError where that is no MQTT."""
        stream = self._rest + some if self._rest else some
        at = 0
        while (end := _end(stream, at)) is not None and end[1] <= len(stream):
            body, stop = end
            yield Packet(stream[at:stop], body - at)
            at = stop
        self._rest = stream[at:]


def _end(stream: bytes, at: int) -> tuple[int, int] | None:
    """Return where the body of the packet at `at` begins and where it ends; None while the header is not whole."""
    length = 0
    for digit in range(_MOST_LENGTH_BYTES):
        place = at + 1 + digit
        if place >= len(stream):
            return None
        length |= (stream[place] & (_MORE - 1)) << (7 * digit)
        if stream[place] < _MORE:
            return place + 1, place + 1 + length
    raise ValueError(f"no MQTT: a length of more than {_MOST_LENGTH_BYTES} bytes")


def _text(raw: bytes, at: int) -> str:
    length = int.from_bytes(raw[at : at + 2], "big")
    return raw[at + 2 : at + 2 + length].decode()
