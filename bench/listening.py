"""Who listens while something is measured: an ear at the city's broker, and somebody before the wall.

Both note moments of `time.monotonic` and look at as little as they can: they share the machine with what they measure.
"""

import time
from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

import httpx
import msgspec

from bench.wire import Wire
from contract import topics
from contract.ack import Ack
from contract.bundle import unpack
from contract.codec import decode
from contract.hello import Welcome
from contract.identity import township_of
from firmware_sim.onlooker import told

_SILENCE_S = 60.0

Number = tuple[str, str, int]


class Ear:
    """`settled`: when each number of an epoch in `wanted` was acknowledged; `welcomed`: each township, first time.

    `bundles` and `bundle_bytes`: what passed on the backlog lane, as it travels.
    """

    def __init__(self) -> None:
        self.wanted: set[str] = set()
        self.settled: dict[Number, float] = {}
        self.welcomed: dict[str, float] = {}
        self.bundles = 0
        self.bundle_bytes = 0
        self._wires: list[Wire] = []

    async def open(self, host: str, port: int) -> None:
        """Listen at the broker there."""
        acks, backlog = topics.every_township("acks"), topics.every_township("backlog")
        self._wires = [
            await Wire.open(host, port, acks, self._answered, name="ear-acks"),
            await Wire.open(host, port, backlog, self._passed, name="ear-backlog"),
        ]

    def close(self) -> None:
        """Hear no more."""
        for wire in self._wires:
            wire.close()

    def _answered(self, payload: bytes) -> None:
        now = time.monotonic()
        for entry in unpack(payload):
            match decode(entry.body):
                case Ack() as ack if ack.epoch in self.wanted:
                    for low, high in ack.settled:
                        for number in range(low, high + 1):
                            self.settled.setdefault((ack.node, ack.epoch, number), now)
                case Welcome() as welcome if welcome.streams:
                    self.welcomed.setdefault(township_of(welcome.to), now)

    def _passed(self, payload: bytes) -> None:
        self.bundles += 1
        self.bundle_bytes += len(payload)


class _Sight(msgspec.Struct):
    """What is looked at in a picture or a diff; a tick has neither."""

    position: int | None = None
    total: int | None = None


class Sighting(NamedTuple):
    """When (s) the wall was first seen to include ledger position `position`."""

    at: float
    position: int


class Onlooker:
    """`run` until cancelled; `total` is what the wall says, `sightings` rise in time and position."""

    def __init__(self, address: str, header: Mapping[str, str]) -> None:
        self.total = 0
        self.sightings: list[Sighting] = []
        self.snapshots = 0
        self._address = address
        self._header = header
        self._decode = msgspec.json.Decoder(_Sight).decode

    async def run(self) -> None:
        """Follow the stream."""
        client = httpx.AsyncClient(base_url=self._address, headers=self._header, timeout=_SILENCE_S, trust_env=False)
        async with client, client.stream("GET", "/api/stream") as answer:
            answer.raise_for_status()
            async for name, text in told(answer.aiter_lines()):
                self.snapshots += name == "snapshot"
                self._take(self._decode(text))

    def seen_at(self, position: int) -> float | None:
        """When `position` was on the wall; None: never."""
        place = bisect_left(self.sightings, position, key=lambda sighting: sighting.position)
        return self.sightings[place].at if place < len(self.sightings) else None

    def _take(self, sight: _Sight) -> None:
        if sight.total is not None:
            self.total = sight.total
        if sight.position is not None and (not self.sightings or sight.position > self.sightings[-1].position):
            self.sightings.append(Sighting(time.monotonic(), sight.position))
