"""The sending side of the durable hop: one shelf, one peer. Node to gateway and gateway to city are the same class.

`lanes` and `greeting` decide; this module does what they say: greets, reads batches from the shelf, publishes them.
A publish is never taken for a delivery: only an ack that names the numbers is (`answers`).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from contract.batch import StreamKey
from contract.bundle import Signed, pack
from contract.codec import decode_batch, encode
from contract.errors import StoreFull
from contract.hello import MAX_STREAMS
from contract.ranges import Ranges
from transport.answers import Answers
from transport.greeting import Greeting, Page, pages
from transport.lanes import Dispatch, Item, Lane, Lanes
from transport.owner import Owner
from transport.parcels import Parcels
from transport.resting import Resting
from transport.shelf import Shelf
from transport.station import Station
from transport.steps import NODE, Steps, Words

logger = logging.getLogger(__name__)

RETRY_FULL_S = 5.0


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
        self._parcels = Parcels(shelf)
        self._resting = Resting()
        self._answers = Answers(
            station,
            shelf,
            lanes,
            owner,
            greeting=self._greeting,
            parcels=self._parcels,
            resting=self._resting,
            steps=self._steps,
            monotonic=monotonic,
        )

    @property
    def lanes(self) -> Lanes:
        """What waits and what flies."""
        return self._lanes

    @property
    def waiting(self) -> int:
        """How many ratings on the shelf are unacknowledged; known without reading it."""
        return self._lanes.ratings()

    async def oldest(self) -> int | None:
        """Since when the oldest of them waits (city's time, ms), as the shelf has it."""
        oldest = self._lanes.oldest()
        raws = await self._shelf.raws([oldest.id]) if oldest else {}
        since = [decode_batch(Signed.of(raw).body).t0 for raw in raws.values()]
        return min(since, default=None)

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
        """An arrival on the acks topic."""
        self._answers.receive(payload)
        self._wake.set()

    async def give_up_refused(self) -> int:
        """Delete what the peer refused, for want of room; how many batches went. Raises `StoreFull`."""
        items = self._resting.items()
        await self._shelf.drop(items)
        self._resting.forget(items)
        return len(items)

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
            await self._answers.work_off()
        except StoreFull:
            # Sending goes on: it is what lets the disk be emptied.
            await self._send()
            raise
        await self._send()

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
