"""The receiving side of the durable hop: verify, dedupe, record, acknowledge. In that order, always.

`intake` decides; this module queues, records and answers. What arrives while a commit is under way is recorded together
in the next one.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from contract.batch import StreamKey
from contract.bundle import pack
from contract.codec import encode
from contract.errors import StoreFull
from contract.hello import Hello
from contract.ranges import Ranges
from transport.intake import Group, Quarantined, Verified, gather, held, welcome
from transport.lanes import Item
from transport.shelf import Shelf
from transport.station import Station

logger = logging.getLogger(__name__)

# Payloads that wait for a commit; what arrives beyond is dropped, unacknowledged, and comes again.
QUEUE = 10_000
GROUP = 512
RETRY_FULL_S = 1.0


class Owner(Protocol):
    """The house that the receiver works for."""

    def key_of(self, node: str) -> bytes | None:
        """The public key of a node on the roster; None for anybody else."""

    def settled_of(self, stream: StreamKey) -> Ranges:
        """What is known to be in the city's ledger of one stream."""

    def recorded(self, items: list[Item], batches: list[Verified]) -> None:
        """These new batches are on the shelf."""

    def greeted(self, hello: Hello, raw: bytes) -> Iterable[bytes]:
        """A node said hello; further entries to answer it with."""

    def quarantined(self, bad: Quarantined) -> None:
        """Input was refused."""


class Receiver:
    """`receive` is called on the loop for each arrival; `run` does the work; `answer(node, payload)` sends answers."""

    def __init__(self, station: Station, shelf: Shelf, owner: Owner, *, answer: Callable[[str, bytes], None]) -> None:
        """Record on `shelf` what nodes known to `owner` send."""
        self._station = station
        self._shelf = shelf
        self._owner = owner
        self._answer = answer
        self._queue: deque[tuple[str, bytes]] = deque()
        self._wake = asyncio.Event()

    def receive(self, sender: str, payload: bytes) -> None:
        """A payload arrived on `sender`'s topic."""
        if len(self._queue) < QUEUE:
            self._queue.append((sender, payload))
            self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                arrivals = [self._queue.popleft() for _ in range(min(GROUP, len(self._queue)))]
                group = gather(arrivals, self._owner.key_of)
                for bad in group.quarantined:
                    self._owner.quarantined(bad)
                try:
                    await self._record(group.batches)
                except StoreFull as full:
                    # Nothing was recorded and nothing is acknowledged: the nodes keep it and send it again.
                    logger.error("%s: %s", self._station.name, full)  # noqa: TRY400  (the cause is in the text)
                    await asyncio.sleep(RETRY_FULL_S)
                else:
                    self._reply(group)

    async def _record(self, batches: list[Verified]) -> None:
        fresh: dict[bytes, Verified] = {}
        for batch, raw in batches:
            if raw not in fresh and not await self._shelf.holds(batch, raw):
                fresh[raw] = (batch, raw)
        if fresh:
            new = list(fresh.values())
            self._owner.recorded(await self._shelf.put(new), new)

    def _reply(self, group: Group) -> None:
        answers = group.refusals
        for node, acks in held(group.batches).items():
            answers.setdefault(node, []).extend(acks)
        for hello, raw in group.hellos:
            greeting = welcome(
                hello, by=self._station.epoch, clock=self._station.timepiece.clock(), standing=self._standing
            )
            answers.setdefault(hello.node, []).extend((encode(greeting), *self._owner.greeted(hello, raw)))
        for node, entries in answers.items():
            self._answer(node, pack(entries))

    def _standing(self, stream: StreamKey) -> tuple[Ranges, Ranges]:
        return self._shelf.kept.get(stream, Ranges()), self._owner.settled_of(stream)
