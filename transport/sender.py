"""The sending side of the durable hop: one shelf, one peer. Node to gateway and gateway to city are the same class.

`lanes` and `greeting` decide; this module does what they say: greets, reads batches from the shelf, publishes them,
takes in answers. A publish is never taken for a delivery: only an ack that names the numbers is.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping

from contract.ack import Ack, Receipt, Refusal
from contract.batch import StreamKey
from contract.bundle import Signed, digest, pack, unpack
from contract.codec import decode, decode_batch, encode
from contract.errors import Reason, Refused, StoreFull
from contract.hello import MAX_STREAMS, Welcome
from contract.ranges import Ranges
from contract.signing import verify
from transport.dating import Anchor, Tie
from transport.greeting import Greeting, Heard, Page, pages
from transport.lanes import Dispatch, Item, Lane, Lanes
from transport.owner import Owner
from transport.parcels import Parcels
from transport.resting import Resting
from transport.shelf import Shelf
from transport.station import Station
from transport.steps import NODE, Steps, Words

logger = logging.getLogger(__name__)

RETRY_FULL_S = 5.0
# Answers that wait for the disk; what comes beyond is dropped, and comes again with the next hello.
_CHORES = 10_000


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
        words: Words = NODE,
    ) -> None:
        """Send what is on `shelf` through `publish`, as `lanes` decides at the times of `monotonic` (seconds)."""
        self._station = station
        self._steps = Steps(station.name, words)
        self._shelf = shelf
        self._lanes = lanes
        self._owner = owner
        self._publish = publish
        self._monotonic = monotonic
        self._greeting = Greeting()
        self._hellos = 0
        self._wake = asyncio.Event()
        self._chores: deque[Callable[[], Awaitable[None]]] = deque()
        self._parcels = Parcels(shelf)
        self._resting = Resting()
        # The newest receipt that the shelf was marked by, by stream: a gateway repeats them with every welcome.
        self._receipted_at: dict[StreamKey, int] = {}

    @property
    def lanes(self) -> Lanes:
        """What waits and what flies."""
        return self._lanes

    async def waiting(self) -> tuple[int, int | None]:
        """How many ratings on the shelf are unacknowledged, and since when the oldest waits (city's time, ms)."""
        oldest = self._lanes.oldest()
        raws = await self._shelf.raws([oldest.id]) if oldest else {}
        since = [decode_batch(Signed.of(raw).body).t0 for raw in raws.values()]
        return self._lanes.ratings(), min(since, default=None)

    def link_up(self) -> None:
        """A connection stands: greet."""
        self._greeting.connected(self._monotonic())
        self._wake.set()

    def link_down(self) -> None:
        """The connection is gone."""
        self._lanes.down()
        self._parcels.forget()
        self._greeting.disconnected()
        self._wake.set()

    def lane_up(self, lane: Lane) -> None:
        """The connection that `lane` has of its own stands."""
        self._lanes.open(lane)
        self._wake.set()

    def lane_down(self, lane: Lane) -> None:
        """The connection that `lane` has of its own is gone, or not there yet."""
        self._lanes.shut(lane)
        self._wake.set()

    def offer(self, items: Iterable[Item], raws: Mapping[int, bytes] | None = None) -> None:
        """New on the shelf, to go out live; `raws` saves reading back what was just written."""
        if raws and self._lanes.up:
            self._parcels.fresh(raws)
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
            entries = unpack(payload)
        except Refused as bad:
            logger.warning("%s: an answer could not be read: %s", self._station.name, bad)
            return
        for entry in entries:
            try:
                self._take_in(entry)
            except Refused as bad:
                logger.warning("%s: an answer was not taken: %s", self._station.name, bad)
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
                self._later(lambda: self._receipted(receipt, entry.raw))
            case Refusal() as refusal:
                self._later(lambda: self._refused_unread(refusal))
            case other:
                raise Refused(Reason.UNDECODABLE, f"{type(other).__name__} does not belong among answers")

    def _later(self, chore: Callable[[], Awaitable[None]]) -> None:
        """Do it in the order of arrival, by `run`: it needs the disk."""
        if len(self._chores) < _CHORES:
            self._chores.append(chore)

    def _acked(self, ack: Ack) -> None:
        self._arrived(ack.stream, Ranges([*ack.held, *ack.settled]))
        self._later(lambda: self._answered(ack))

    def _arrived(self, stream: StreamKey, there: Ranges) -> None:
        left = self._lanes.acked(stream, there, self._monotonic())
        for item in left:
            self._parcels.acked(item.id)
        self._steps.there(left)

    async def _answered(self, ack: Ack) -> None:
        self._owner.answered(ack)
        for lo, hi, reason in ack.refused:
            await self._rest(await self._shelf.within(ack.stream, Ranges([(lo, hi)])), reason)

    def _welcomed(self, welcome: Welcome) -> None:
        if welcome.to != self._station.name:
            return
        # Before the end of the round trip, so that whatever interrupts us in between makes the error greater only.
        arrived = self._station.timepiece.boottime_ms()
        now = self._monotonic()
        heard = self._greeting.heard(welcome, now)
        if heard is None:
            if welcome.clock.at is not None and self._station.timepiece.now() is None:
                self._greeting.hurry(now)
            return
        learnt = self._station.timepiece.heard(welcome.clock, heard.round_trip_s, arrived)
        if heard.peer_changed:
            self._lanes.down()
            self._parcels.forget()
        self._lanes.welcomed()
        for stream, there in heard.there.items():
            self._arrived(stream, there)
        self._later(lambda: self._heard(heard, learnt))

    async def _heard(self, heard: Heard, learnt: Anchor | Tie | None) -> None:
        if learnt is not None:
            await self._shelf.remember(learnt)
        await self._owner.welcomed(heard.missing)
        for stream, numbers in heard.missing.items():
            self._receipted_at.pop(stream, None)
            items = await self._shelf.within(stream, numbers)
            self._lanes.refill(item for item in items if item not in self._resting)

    async def _receipted(self, receipt: Receipt, raw: bytes) -> None:
        if receipt.at <= self._receipted_at.get(receipt.stream, -1):
            return
        settled = Ranges(receipt.settled)
        self._steps.receipted(await self._shelf.settle(receipt.stream, settled, receipt.at))
        self._arrived(receipt.stream, settled)
        await self._owner.receipted(receipt, raw)
        self._receipted_at[receipt.stream] = receipt.at

    async def _refused_unread(self, refusal: Refusal) -> None:
        flight = self._parcels.flight_of(refusal.digest)
        if flight is not None:
            items = self._lanes.in_flight(flight)
            if len(items) == 1:
                await self._rest(items, refusal.reason)
            self._lanes.unreadable(flight)
            return
        flying = {item.id: item for number in self._parcels.flights() for item in self._lanes.in_flight(number)}
        raws = await self._shelf.raws(list(flying))
        found = [flying[id_] for id_, raw in raws.items() if digest(raw) == refusal.digest]
        await self._rest(found, refusal.reason)

    async def _rest(self, items: Iterable[Item], reason: Reason) -> None:
        items = list(items)
        now = self._monotonic()
        self._lanes.withdrawn((item.id for item in items), now)
        if items and await self._owner.refused(items, reason):
            self._resting.add(items, now)

    async def run(self) -> None:
        """Work until cancelled. A full disk is waited out; every other trouble is the supervisor's."""
        self._lanes.refill(await self._shelf.unsettled())
        while True:
            self._wake.clear()
            wait_s: float | None = RETRY_FULL_S
            try:
                await self._turn()
                wait_s = self._patience_s()
            except StoreFull as full:
                logger.error("%s: %s", self._station.name, full)  # noqa: TRY400  (the cause is in the text)
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _turn(self) -> None:
        try:
            await self._do_chores()
        except StoreFull:
            # Sending goes on: it is what lets the disk be emptied.
            await self._send()
            raise
        await self._send()

    async def _do_chores(self) -> None:
        while self._chores:
            try:
                await self._chores[0]()
            except Refused as bad:
                logger.warning("%s: an answer was not taken: %s", self._station.name, bad)
            self._chores.popleft()

    async def _send(self) -> None:
        now = self._monotonic()
        due = self._greeting.due_at()
        if due is not None and due <= now:
            self._greet(now)
        self._lanes.refill(self._resting.rested(now))
        await self._dispatch(now)
        if self._lanes.idle:
            self._lanes.offer(await self._owner.replenish())
            await self._dispatch(now)

    async def _dispatch(self, now: float) -> None:
        for dispatch in self._lanes.due(now):
            await self._depart(dispatch)

    def _patience_s(self) -> float | None:
        times = (self._greeting.due_at(), self._lanes.wake_at(), self._resting.wake_at())
        known = [when for when in times if when is not None]
        return max(0.0, min(known) - self._monotonic()) if known else None

    async def _depart(self, dispatch: Dispatch) -> None:
        parcel = await self._parcels.wrap(dispatch)
        # Settled by a receipt and pruned while it waited.
        self._lanes.withdrawn(parcel.gone, self._monotonic())
        if parcel.payload is not None and self._publish(dispatch.lane, parcel.payload):
            self._steps.sent(dispatch.items, dispatch.lane.value)

    def _greet(self, now: float) -> None:
        asked: Mapping[StreamKey, Ranges] = self._shelf.kept
        if not self._greeting.full and len(asked) > MAX_STREAMS:
            waiting = {item.stream for item in self._lanes.unacknowledged()}
            asked = {key: numbers for key, numbers in asked.items() if key in waiting}
        hello: dict[str, Page] = {}
        for page in pages(asked):
            self._hellos += 1
            hello[f"{self._station.epoch}.{self._hellos}"] = page
        self._greeting.sent(hello, now)
        for nonce, page in hello.items():
            asked_in = self._station.hello(
                nonce,
                page,
                last=self._owner.last_number(),
                config=self._owner.config_version(),
                void=self._shelf.void,
            )
            self._publish(Lane.LIVE, pack([self._station.signer.entry(encode(asked_in))]))
