"""A city's worth of townships by their protocol alone: keys, registration, batches signed before they are needed.

What a live gateway sends is mostly one rating at a time: a township with 60 windows has one every five seconds, and a
batch that finds the line idle leaves at once. So `a_batch` 1 is not only the worst case,
it is the usual one; larger batches come after an outage and from busy halls.
"""

import asyncio
import json
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import NamedTuple

from bench.wire import Wire, packet
from contract import topics
from contract.ack import Ack
from contract.batch import Batch
from contract.bundle import unpack
from contract.codec import decode, encode
from contract.identity import EPOCH_BITS, epoch_text, township_of
from contract.rating import Quality, Row
from contract.signing import Signer

WINDOWS_A_NODE = 4
TICK_S = 0.005
# What a person takes between two presses matters to nobody here: it only has to be in the past.
_ROW_MS = 250
_ACK = b'{"kind":"ack"'
# What MQTT puts around a payload on a township's acks: header, length, topic and number.
_AROUND = 37


class Node(NamedTuple):
    """One node of four windows in one run of its process."""

    name: str
    epoch: str
    signer: Signer


class Parcel(NamedTuple):
    """One batch as it goes out, alone in its payload: when (s from the start), by whom, and its packet."""

    due_s: float
    node: str
    first: int
    packet: bytes


class Townships:
    """All nodes of `windows` windows spread evenly over the townships in `codes`, and what they sent so far."""

    def __init__(self, codes: Sequence[str], windows: int, seed: int, levels: Sequence[int] = ()) -> None:
        """Take each rating's level from `levels` at random; without them nobody is dissatisfied."""
        self.codes = list(codes)
        self.nodes = [
            Node(
                f"{self.codes[number % len(self.codes)]}-n{number // len(self.codes)}",
                epoch_text(secrets.randbits(EPOCH_BITS)),
                Signer(secrets.token_bytes(32)),
            )
            for number in range(max(1, windows // WINDOWS_A_NODE))
        ]
        self.sent: dict[str, int] = {}
        self._random = Random(seed)
        self._levels = levels
        self._packets = dict.fromkeys(self.codes, 0)

    def registration(self, file: Path, gateways: Mapping[str, str] = MappingProxyType({})) -> None:
        """Write the document that makes them all known to the city, and `gateways`, by name with their public keys."""
        windows = [f"{number + 1:02d}" for number in range(WINDOWS_A_NODE)]
        nodes = [{"node": node.name, "key": node.signer.public, "windows": windows} for node in self.nodes]
        others = [{"node": name, "key": key} for name, key in gateways.items()]
        file.write_text(json.dumps({"nodes": nodes, "gateways": others}), encoding="utf-8")

    def once_each(self) -> list[Parcel]:
        """One rating of every node, all due at once."""
        return [self._parcel(0.0, node, 1) for node in self.nodes]

    def steady(self, rate: float, seconds: float, a_batch: int) -> list[Parcel]:
        """`rate` ratings a second for so long, in batches of `a_batch`, of nodes chosen at random."""
        count = int(rate * seconds / a_batch)
        chosen = self._random.choices(self.nodes, k=count)
        return [self._parcel(number * a_batch / rate, node, a_batch) for number, node in enumerate(chosen)]

    def _parcel(self, due_s: float, node: Node, a_batch: int) -> Parcel:
        first = self.sent.get(node.name, 0) + 1
        self.sent[node.name] = first + a_batch - 1
        start = time.time_ns() // 1_000_000 - a_batch * _ROW_MS
        rows = [
            Row(row * _ROW_MS, f"{1 + (first + row) % WINDOWS_A_NODE:02d}", self._level(first + row), 1)
            for row in range(a_batch)
        ]
        batch = Batch(1, node.name, node.epoch, first, start, Quality.SYNCHRONISED, rows)
        township = township_of(node.name)
        number = self._packets[township]
        self._packets[township] = number + 1
        payload = node.signer.entry(encode(batch))
        return Parcel(due_s, node.name, first, packet(topics.township(township, "live"), payload, number))

    def _level(self, number: int) -> int:
        return self._random.choice(self._levels) if self._levels else 3 - number % 7 // 5


class Outcome(NamedTuple):
    """How parcels fared: `delays_s` from the moment each was due to its ack, `late_s` of the slowest write."""

    sent: int
    delays_s: list[float]
    late_s: float
    begin: float
    end: float
    missing: int


class Sending:
    """Connections of every township, and what they wait for; bytes of MQTT both ways, PUBACKs left out.

    `bytes_up` are of ratings, `bytes_said` of what else was said; `bytes_down` by kind: acks, receipts and welcomes.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._wires: dict[str, Wire] = {}
        self._flying: dict[tuple[str, int], float] = {}
        self._delays: list[float] = []
        self._a_batch = 1
        self._last = 0.0
        self.bytes_up = 0
        self.bytes_said = 0
        self.bytes_down: Counter[str] = Counter()

    async def open(self, codes: Sequence[str]) -> None:
        """Connect a gateway for each township."""
        for code in codes:
            topic = topics.township(code, "acks")
            self._wires[code] = await Wire.open(self._host, self._port, topic, self._arrived, name=f"g-{code}")

    def close(self) -> None:
        """Disconnect."""
        for wire in self._wires.values():
            wire.close()

    def say(self, code: str, packets: bytes) -> None:
        """Write what nobody waits for an answer to."""
        self._wires[code].send(packets)
        self.bytes_said += len(packets)

    async def send(self, parcels: Sequence[Parcel], a_batch: int, *, patience_s: float) -> Outcome:
        """Send each when it is due, whether or not others were answered, and wait for what is missing."""
        self._a_batch = a_batch
        self._delays = []
        self._flying.clear()
        begin = time.perf_counter() + TICK_S
        at = 0
        late = 0.0
        while at < len(parcels):
            now = time.perf_counter() - begin
            ready: dict[str, bytearray] = {}
            while at < len(parcels) and parcels[at].due_s <= now:
                due_s, node, first, raw = parcels[at]
                self._flying[node, first] = begin + due_s
                ready.setdefault(township_of(node), bytearray()).extend(raw)
                late = max(late, now - due_s)
                at += 1
            for code, packets in ready.items():
                self._wires[code].send(bytes(packets))
                self.bytes_up += len(packets)
            await asyncio.sleep(TICK_S)
        limit = time.perf_counter() + patience_s
        while self._flying and time.perf_counter() < limit:
            await asyncio.sleep(TICK_S)
        return Outcome(len(parcels), self._delays, late, begin, self._last, len(self._flying))

    def _arrived(self, payload: bytes) -> None:
        now = self._last = time.perf_counter()
        entries = unpack(payload)
        # All entries of a payload to a township are of one kind, which is the first thing that each says.
        self.bytes_down[entries[0].body.split(b'"', 4)[3].decode()] += len(payload) + _AROUND
        for entry in entries:
            if not entry.body.startswith(_ACK):
                continue
            ack = decode(entry.body)
            assert isinstance(ack, Ack)  # noqa: S101
            for low, high in ack.settled:
                for first in range(low, high + 1, self._a_batch):
                    due = self._flying.pop((ack.node, first), None)
                    if due is not None:
                        self._delays.append(now - due)
