"""The sending side of the durable hop: one shelf, one peer. Node to gateway and gateway to city are the same class.

`lanes` and `greeting` decide; this module does what they say: greets, reads batches from the shelf, publishes them,
takes in answers. A publish is never taken for a delivery: only an ack that names the numbers is.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol

from contract.ack import Ack, Receipt, Refusal
from contract.batch import StreamKey
from contract.bundle import Signed, digest, pack, unpack
from contract.codec import decode, decode_batch, encode
from contract.errors import Reason, Refused, StoreFull
from contract.hello import MAX_STREAMS, Hello, Stream, Welcome
from contract.ranges import Ranges
from contract.signing import verify
from transport.greeting import Greeting
from transport.lanes import Dispatch, Item, Lane, Lanes
from transport.shelf import Shelf
from transport.station import Station

logger = logging.getLogger(__name__)

RETRY_REFUSED_S = 3600.0
RETRY_FULL_S = 5.0
# Payloads whose digest is remembered, to know which one a peer could not read.
_REMEMBERED = 64


class Owner(Protocol):
    """The house that the sender works for."""

    def last_number(self) -> int:
        """The highest number given in this epoch; 0 for an end that gives none."""

    def config_version(self) -> int:
        """The version of the configuration in force."""

    async def replenish(self) -> Iterable[Item]:
        """New items to send now, asked for whenever the live lane is idle."""

    async def welcomed(self, welcome: Welcome, round_trip_s: float, missing: Mapping[StreamKey, Ranges]) -> None:
        """The peer answered a hello: the time, and what it turned out not to have."""

    def answered(self, ack: Ack) -> None:
        """An ack arrived."""

    async def receipted(self, receipt: Receipt, raw: bytes) -> None:
        """A receipt with the city's good signature arrived; the shelf has been marked."""

    async def refused(self, items: Iterable[Item], reason: Reason) -> bool:
        """The peer refused items; True to keep them and try again in an hour."""


class Sender:
    """`link_up`, `link_down` and `receive` are called on the loop by the links; `run` does the work."""

    def __init__(
        self,
        station: Station,
        shelf: Shelf,
        lanes: Lanes,
        owner: Owner,
        *,
        publish: Callable[[Lane, bytes], bool],
        monotonic: Callable[[], float],
    ) -> None:
        """Send what is on `shelf` through `publish`, as `lanes` decides at the times of `monotonic` (seconds)."""
        self._station = station
        self._shelf = shelf
        self._lanes = lanes
        self._owner = owner
        self._publish = publish
        self._monotonic = monotonic
        self._greeting = Greeting()
        self._hellos = 0
        self._full_hello = True
        self._wake = asyncio.Event()
        self._chores: deque[Callable[[], Awaitable[None]]] = deque()
        self._payloads: dict[str, int] = {}
        self._fresh: dict[int, bytes] = {}
        # Refused items, and when to try them again.
        self._resting: dict[int, tuple[float, Item]] = {}

    @property
    def lanes(self) -> Lanes:
        """What waits and what flies."""
        return self._lanes

    async def waiting(self) -> tuple[int, int | None]:
        """How many ratings on the shelf are unacknowledged, and since when the oldest waits (city's time, ms)."""
        items = self._lanes.unacknowledged()
        raws = await self._shelf.raws([items[0].id]) if items else {}
        oldest = [decode_batch(Signed.of(raw).body).t0 for raw in raws.values()]
        return sum(item.last - item.first + 1 for item in items), min(oldest, default=None)

    def link_up(self) -> None:
        """A connection stands: greet."""
        self._full_hello = True
        self._greeting.connected(self._monotonic())
        self._wake.set()

    def link_down(self) -> None:
        """The connection is gone."""
        self._lanes.down()
        self._fresh.clear()
        self._greeting.disconnected()
        self._wake.set()

    def offer(self, items: Iterable[Item], raws: Mapping[int, bytes] | None = None) -> None:
        """New on the shelf, to go out live; `raws` saves reading back what was just written."""
        if raws and self._lanes.up:
            self._fresh.update(raws)
        self._lanes.offer(items)
        self._wake.set()

    def refill(self, items: Iterable[Item]) -> None:
        """On the shelf and old, to go out behind."""
        self._lanes.refill(items)
        self._wake.set()

    def poke(self) -> None:
        """There may be something to replenish."""
        self._wake.set()

    def receive(self, payload: bytes) -> None:
        """An arrival on the acks topic; what cannot be read is logged and left, the numbers stay unacknowledged."""
        try:
            for entry in unpack(payload):
                self._take_in(entry)
        except Refused as bad:
            logger.warning("%s: an answer could not be read: %s", self._station.name, bad)
        self._wake.set()

    def _take_in(self, entry: Signed) -> None:
        match decode(entry.body):
            case Ack() as ack:
                self._acked(ack)
            case Welcome() as welcome:
                self._welcomed(welcome)
            case Receipt() as receipt:
                if not verify(entry.body, entry.signature, self._station.city_key):
                    raise Refused(Reason.WRONG_SIGNATURE, f"receipt for {receipt.node} is not the city's")
                self._chores.append(lambda: self._receipted(receipt, entry.raw))
            case Refusal() as refusal:
                self._chores.append(lambda: self._refused_unread(refusal))
            case other:
                raise Refused(Reason.UNDECODABLE, f"{type(other).__name__} does not belong among answers")

    def _acked(self, ack: Ack) -> None:
        there = Ranges([*ack.held, *ack.settled])
        for item in self._lanes.acked(ack.stream, there, self._monotonic()):
            self._fresh.pop(item.id, None)
        if ack.refused:
            self._chores.append(lambda: self._refused(ack))
        self._owner.answered(ack)

    def _welcomed(self, welcome: Welcome) -> None:
        if welcome.to != self._station.name:
            return
        now = self._monotonic()
        heard = self._greeting.heard(welcome, now)
        if heard is None:
            return
        if heard.peer_changed:
            self._lanes.down()
            self._fresh.clear()
            self._full_hello = True
        self._lanes.welcomed()
        for stream, there in heard.there.items():
            self._lanes.acked(stream, there, now)
        self._chores.append(lambda: self._owner.welcomed(welcome, heard.round_trip_s, heard.missing))
        self._chores.append(lambda: self._reload(heard.missing))

    async def _reload(self, missing: Mapping[StreamKey, Ranges]) -> None:
        for stream, numbers in missing.items():
            items = await self._shelf.within(stream, numbers)
            self._lanes.refill(item for item in items if item.id not in self._resting)

    async def _receipted(self, receipt: Receipt, raw: bytes) -> None:
        await self._shelf.settle(receipt.stream, Ranges(receipt.settled), receipt.at)
        await self._owner.receipted(receipt, raw)

    async def _refused(self, ack: Ack) -> None:
        for lo, hi, reason in ack.refused:
            await self._rest(await self._shelf.within(ack.stream, Ranges([(lo, hi)])), reason)

    async def _refused_unread(self, refusal: Refusal) -> None:
        flight = self._payloads.get(refusal.digest)
        if flight is not None:
            items = self._lanes.in_flight(flight)
            if len(items) == 1:
                await self._rest(items, refusal.reason)
            self._lanes.unreadable(flight)
            return
        flying = {item.id: item for number in self._payloads.values() for item in self._lanes.in_flight(number)}
        raws = await self._shelf.raws(list(flying))
        found = [flying[id_] for id_, raw in raws.items() if digest(raw) == refusal.digest]
        await self._rest(found, refusal.reason)

    async def _rest(self, items: Iterable[Item], reason: Reason) -> None:
        items = list(items)
        now = self._monotonic()
        self._lanes.withdrawn((item.id for item in items), now)
        if items and await self._owner.refused(items, reason):
            self._resting.update({item.id: (now + RETRY_REFUSED_S, item) for item in items})

    async def run(self) -> None:
        """Work until cancelled. A full disk is waited out; every other trouble is the supervisor's."""
        self._lanes.refill(await self._shelf.unsettled())
        while True:
            self._wake.clear()
            try:
                await self._turn()
                wait_s = self._patience_s()
            except StoreFull as full:
                logger.error("%s: %s", self._station.name, full)  # noqa: TRY400  (the cause is in the text)
                wait_s = RETRY_FULL_S
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _turn(self) -> None:
        while self._chores:
            await self._chores[0]()
            self._chores.popleft()
        now = self._monotonic()
        due = self._greeting.due_at()
        if due is not None and due <= now:
            self._greet(now)
        rested = [id_ for id_, (when, _) in self._resting.items() if when <= now]
        self._lanes.refill([self._resting.pop(id_)[1] for id_ in rested])
        if self._lanes.idle:
            self._lanes.offer(await self._owner.replenish())
        for dispatch in self._lanes.due(now):
            await self._depart(dispatch)

    def _patience_s(self) -> float | None:
        times = [self._greeting.due_at(), self._lanes.wake_at(), *(when for when, _ in self._resting.values())]
        known = [when for when in times if when is not None]
        return max(0.0, min(known) - self._monotonic()) if known else None

    async def _depart(self, dispatch: Dispatch) -> None:
        unread = [item.id for item in dispatch.items if item.id not in self._fresh]
        raws = {**self._fresh, **(await self._shelf.raws(unread) if unread else {})}
        payload = pack(raws[item.id] for item in dispatch.items)
        while len(self._payloads) >= _REMEMBERED:
            del self._payloads[next(iter(self._payloads))]
        self._payloads[digest(payload)] = dispatch.flight
        self._publish(dispatch.lane, payload)

    def _greet(self, now: float) -> None:
        asked = {key: numbers for key, numbers in self._shelf.kept.items() if numbers}
        if not self._full_hello and len(asked) > MAX_STREAMS:
            waiting = {item.stream for item in self._lanes.unacknowledged()}
            asked = {key: numbers for key, numbers in asked.items() if key in waiting}
        self._full_hello = False
        keys = list(asked)
        for start in range(0, max(1, len(keys)), MAX_STREAMS):
            page = {key: asked[key] for key in keys[start : start + MAX_STREAMS]}
            self._hellos += 1
            nonce = f"{self._station.epoch}.{self._hellos}"
            hello = self._hello(nonce, page)
            self._greeting.sent(nonce, page, now)
            self._publish(Lane.LIVE, pack([self._station.signer.entry(encode(hello))]))

    def _hello(self, nonce: str, page: Mapping[StreamKey, Ranges]) -> Hello:
        timepiece = self._station.timepiece
        return Hello(
            v=1,
            node=self._station.name,
            epoch=self._station.epoch,
            last=self._owner.last_number(),
            nonce=nonce,
            config=self._owner.config_version(),
            boot=timepiece.boot,
            boottime=timepiece.boottime_ms(),
            wall=timepiece.wall_ms(),
            streams=[Stream(key.node, key.epoch, list(numbers.pairs)) for key, numbers in page.items()],
        )
