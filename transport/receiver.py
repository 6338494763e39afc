"""The receiving side of the durable hop: verify, dedupe, record, acknowledge. In that order, always.

`intake` decides; this module queues, records and answers. What arrives while a commit is under way is recorded together
in the next one.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from contract.batch import StreamKey
from contract.bundle import packed
from contract.codec import encode
from contract.errors import StoreFull
from contract.hello import Hello
from contract.keys import Key
from contract.prompt import Answer
from contract.ranges import Ranges
from transport.intake import Group, Quarantined, Verified, gather, held, welcome
from transport.lanes import Item
from transport.shelf import Shelf
from transport.station import Station
from transport.steps import passed

logger = logging.getLogger(__name__)

# What waits for a commit, in payloads and bytes; what arrives beyond is dropped, unacknowledged, and comes again.
QUEUE = 10_000
QUEUE_BYTES = 16 * 1024 * 1024
# What one commit takes. Reading 256 KiB of rubbish takes a tenth of a second, in which nothing else happens.
GROUP = 512
GROUP_BYTES = 256 * 1024
RETRY_FULL_S = 1.0


class Owner(Protocol):
    """The house that the receiver works for."""

    def keys_of(self, node: str) -> Sequence[Key]:
        """The public keys of a node on the roster, newest first; none of anybody else."""

    def settled_of(self, stream: StreamKey) -> Ranges:
        """What is known to be in the city's ledger of one stream."""

    def recorded(self, items: list[Item], batches: list[Verified]) -> None:
        """These new batches are on the shelf."""

    def greeted(self, hello: Hello, raw: bytes) -> Iterable[bytes]:
        """A node said hello; further entries to answer it with."""

    def became(self, answer: Answer) -> None:
        """A node says what became of a prompt."""

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
        self._queued_bytes = 0
        self._wake = asyncio.Event()

    def receive(self, sender: str, payload: bytes) -> None:
        """A payload arrived on `sender`'s topic."""
        if len(self._queue) < QUEUE and self._queued_bytes + len(payload) <= QUEUE_BYTES:
            self._queue.append((sender, payload))
            self._queued_bytes += len(payload)
            self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                clock = self._station.timepiece.now()
                await self._serve(gather(self._next(), self._owner.keys_of, clock.at if clock else 0))
                # Also where nothing was to be recorded, the others have their turn.
                await asyncio.sleep(0)

    def _next(self) -> list[tuple[str, bytes]]:
        arrivals: list[tuple[str, bytes]] = []
        room = GROUP_BYTES
        while self._queue and len(arrivals) < GROUP and room > 0:
            arrivals.append(self._queue.popleft())
            room -= len(arrivals[-1][1])
            self._queued_bytes -= len(arrivals[-1][1])
        return arrivals

    async def _serve(self, group: Group) -> None:
        for bad in group.quarantined:
            self._owner.quarantined(bad)
        try:
            await self._record(group.batches)
        except StoreFull as full:
            # Nothing was recorded and nothing is acknowledged: the nodes keep it and send it again.
            logger.error("%s: %s", self._station.name, full)  # noqa: TRY400  (the cause is in the text)
            self._reply(group._replace(batches=[]))
            await asyncio.sleep(RETRY_FULL_S)
        else:
            self._reply(group)
        for answer in group.said:
            self._owner.became(answer)

    async def _record(self, batches: list[Verified]) -> None:
        fresh: dict[bytes, Verified] = {}
        for batch, raw in batches:
            if raw not in fresh and not await self._shelf.holds(batch, raw):
                fresh[raw] = (batch, raw)
        if fresh:
            new = list(fresh.values())
            items = await self._shelf.put(new)
            passed("recorded", items, who=self._station.name)
            self._owner.recorded(items, new)

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
            for payload in packed(entries):
                self._answer(node, payload)

    def _standing(self, stream: StreamKey) -> tuple[Ranges, Ranges]:
        return self._shelf.kept.get(stream, Ranges()), self._owner.settled_of(stream)
