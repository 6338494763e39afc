"""What the peer answers, taken in by the sending side: acks, welcomes, receipts and refusals.

What they change in memory is changed as they arrive; what needs the disk is done in their order, when the sender has a
turn. What cannot be read is logged and left: the numbers stay unacknowledged, and go out again.
"""

import logging
from collections import ChainMap, deque
from collections.abc import Awaitable, Callable, Iterable

from contract.ack import Ack, Receipt, Refusal
from contract.batch import StreamKey
from contract.bundle import Signed, digest, unpack
from contract.codec import decode
from contract.errors import Reason, Refused
from contract.hello import Welcome
from contract.ranges import Ranges
from contract.signing import verify
from transport.dating import Anchor, Tie
from transport.greeting import Greeting, Heard
from transport.lanes import Item, Lanes
from transport.owner import Owner, Receipted
from transport.parcels import Parcels
from transport.resting import Resting
from transport.shelf import Shelf
from transport.station import Station
from transport.steps import Steps

logger = logging.getLogger(__name__)

# Answers that wait for the disk; what comes beyond is dropped, and comes again with the next hello.
_CHORES = 10_000


class Answers:
    """`receive` takes in what arrives, `work_off` does what of it needs the disk."""

    def __init__(
        self,
        station: Station,
        shelf: Shelf,
        lanes: Lanes,
        owner: Owner,
        *,
        greeting: Greeting,
        parcels: Parcels,
        resting: Resting,
        steps: Steps,
        monotonic: Callable[[], float],
    ) -> None:
        """Tell `lanes`, `greeting`, `parcels` and `resting` of the sender, its `shelf` and `owner` what is answered."""
        self._station = station
        self._shelf = shelf
        self._lanes = lanes
        self._owner = owner
        self._greeting = greeting
        self._parcels = parcels
        self._resting = resting
        self._steps = steps
        self._monotonic = monotonic
        # What needs the disk, in the order of arrival. Receipts come many at once: those in a row are one commit.
        self._chores: deque[Receipted | Callable[[], Awaitable[None]]] = deque()
        # The newest receipt that the shelf was marked by, by stream: a gateway repeats them with every welcome.
        self._receipted_at: dict[StreamKey, int] = {}

    def receive(self, payload: bytes) -> None:
        """An arrival on the acks topic."""
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

    def _take_in(self, entry: Signed) -> None:
        match decode(entry.body):
            case Ack() as ack:
                self._acked(ack)
            case Welcome() as welcome:
                self._welcomed(welcome)
            case Receipt() as receipt:
                if not verify(entry.body, entry.signature, self._station.city_key):
                    raise Refused(Reason.WRONG_SIGNATURE, f"receipt for {receipt.node} is not the city's")
                self._later(Receipted(receipt, entry.raw))
            case Refusal() as refusal:
                self._later(lambda: self._refused_unread(refusal))
            case other:
                raise Refused(Reason.UNDECODABLE, f"{type(other).__name__} does not belong among answers")

    def _later(self, chore: Receipted | Callable[[], Awaitable[None]]) -> None:
        """Do it in the order of arrival, by `work_off`: it needs the disk."""
        if len(self._chores) < _CHORES:
            self._chores.append(chore)

    async def work_off(self) -> None:
        """Do what needs the disk, in the order of arrival. What raises (`StoreFull`) is tried again the next time."""
        while self._chores:
            first, done = self._chores[0], 1
            try:
                if isinstance(first, Receipted):
                    together = self._first_receipts()
                    done = len(together)
                    await self._receipted(together)
                else:
                    await first()
            except Refused as bad:
                logger.warning("%s: an answer was not taken: %s", self._station.name, bad)
            for _ in range(done):
                self._chores.popleft()

    def _first_receipts(self) -> list[Receipted]:
        together: list[Receipted] = []
        for chore in self._chores:
            if not isinstance(chore, Receipted):
                break
            together.append(chore)
        return together

    def _acked(self, ack: Ack) -> None:
        self.arrived(ack.stream, Ranges([*ack.held, *ack.settled]))
        self._later(lambda: self._answered(ack))

    def arrived(self, stream: StreamKey, there: Ranges) -> None:
        """The peer has `there` of `stream`: none of it is sent again."""
        left = self._lanes.acked(stream, there, self._monotonic())
        for item in left:
            self._parcels.acked(item.id)
        self._steps.there(left)

    async def _answered(self, ack: Ack) -> None:
        self._owner.answered(ack)
        for lo, hi, reason in ack.refused:
            await self._rest(await self._shelf.within({ack.stream: Ranges([(lo, hi)])}), reason)

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
            self.arrived(stream, there)
        self._later(lambda: self._heard(heard, learnt))

    async def _heard(self, heard: Heard, learnt: Anchor | Tie | None) -> None:
        if learnt is not None:
            await self._shelf.remember(learnt)
        await self._owner.welcomed(heard.missing)
        for stream in heard.missing:
            self._receipted_at.pop(stream, None)
        items = await self._shelf.within(heard.missing)
        self._lanes.refill(item for item in items if item not in self._resting)

    async def _receipted(self, together: list[Receipted]) -> None:
        """Mark the shelf by all of them in one commit, but for those that are older than what it was marked by."""
        at = ChainMap[StreamKey, int]({}, self._receipted_at)
        news: list[Receipted] = []
        for one in together:
            stream = one.receipt.stream
            if one.receipt.at > at.get(stream, -1):
                at[stream] = one.receipt.at
                news.append(one)
        if not news:
            return
        marks = [(one.receipt.stream, Ranges(one.receipt.settled), one.receipt.at) for one in news]
        self._steps.receipted(await self._shelf.settle(marks))
        for stream, settled, _ in marks:
            self.arrived(stream, settled)
        await self._owner.receipted(news)
        self._receipted_at.update(at.maps[0])

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
        if items:
            await self._owner.refused(items, reason)
            self._resting.add(items, now)
