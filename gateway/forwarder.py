"""Towards the city: what the journal holds goes out, what the city says comes in."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Self

from contract import topics
from contract.ack import Ack
from contract.batch import StreamKey
from contract.bundle import packed
from contract.codec import encode
from contract.errors import Reason, Refused
from contract.ranges import Ranges
from contract.status import GatewayStatus
from gateway.papers import News, Papers, receipt_name
from gateway.settings import Settings
from transport.intake import Verified
from transport.lanes import Item, Lane, Lanes, Limits
from transport.link import Link
from transport.owner import Receipted
from transport.sender import Sender
from transport.shelf import Shelf
from transport.station import Station
from transport.steps import GATEWAY

logger = logging.getLogger(__name__)

# A rating older than this at its arrival is backlog: it must not travel before newer ones.
LIVE_MS = 60_000
_LIMITS = Limits(live_flights=4)


class Forwarder:
    """Calls `tell(node, entries)` with the city's word for a node, `configured` with papers that were news.

    `timed` is called when the city's time became known.
    """

    def __init__(
        self,
        settings: Settings,
        station: Station,
        journal: Shelf,
        papers: Papers,
        *,
        monotonic: Callable[[], float],
        tell: Callable[[str, list[bytes]], None],
        configured: Callable[[Mapping[str, bytes]], None],
        timed: Callable[[], None],
    ) -> None:
        """Two connections to the city's broker: backlog never stands in the way of live."""
        self._station = station
        self._journal = journal
        self._papers = papers
        self._tell = tell
        self._configured = configured
        self._timed = timed
        self._monotonic = monotonic
        self._knew_the_time = False
        self._township = settings.township
        self._acks, self._papered = self._topic("acks"), {self._topic("config"), self._topic("hall")}
        # When the city last said something, seconds of `monotonic`; None: not yet.
        self.heard_at: float | None = None
        self.sender = Sender(
            station, journal, Lanes(_LIMITS), self, publish=self._publish, monotonic=monotonic, words=GATEWAY
        )
        down = encode(GatewayStatus(station.name, "down"))
        self._live = Link(
            settings.city_broker,
            client_id=f"{station.name}-live",
            subscribe=[self._acks, *sorted(self._papered)],
            on_receive=self._arrived,
            on_up=self.sender.link_up,
            on_down=self.sender.link_down,
            will=(self._topic("status"), down),
        )
        self._backlog = Link(
            settings.city_broker,
            client_id=f"{station.name}-backlog",
            subscribe=[],
            on_receive=self._arrived,
            on_up=partial(self.sender.lane_up, Lane.BACKLOG),
            on_down=partial(self.sender.lane_down, Lane.BACKLOG),
            on_carried=self._backlog_carried,
        )
        self.sender.lane_down(Lane.BACKLOG)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._stack.enter_async_context(self._live)
        await self._stack.enter_async_context(self._backlog)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Say goodbye and disconnect."""
        self.report(GatewayStatus(self._station.name, "down"))
        await self._stack.aclose()

    @property
    def up(self) -> dict[str, bool]:
        """By lane, whether its connection stands."""
        return {"live": self._live.up, "backlog": self._backlog.up}

    def report(self, status: GatewayStatus) -> None:
        """Publish how the gateway is."""
        self._live.publish(self._topic("status"), encode(status), retain=True)

    def pass_on(self, entries: Iterable[bytes]) -> None:
        """Publish signed entries that are not on the shelf (nodes' hellos); lost ones come again in a minute."""
        for payload in packed(entries):
            self._live.publish(self._topic("live"), payload)

    def recorded(self, items: list[Item], batches: list[Verified]) -> None:
        """New in the journal: what is fresh goes out live, what is old behind."""
        now = self._station.timepiece.now()
        live: dict[int, bytes] = {}
        for item, (batch, raw) in zip(items, batches, strict=True):
            if now is not None and batch.t0 + batch.rows[-1].ms > now.at - LIVE_MS:
                live[item.id] = raw
        self.sender.offer([item for item in items if item.id in live], live)
        self.sender.refill([item for item in items if item.id not in live])

    def _topic(self, leaf: topics.TownshipLeaf) -> str:
        return topics.township(self._township, leaf)

    def _publish(self, lane: Lane, payload: bytes) -> bool:
        link = self._live if lane is Lane.LIVE else self._backlog
        return link.publish(self._topic(lane.value), payload)

    def _backlog_carried(self) -> None:
        self.sender.lanes.carried(Lane.BACKLOG, self._monotonic())

    def _arrived(self, topic: str, payload: bytes) -> None:
        if topic == self._acks:
            self.heard_at = self._monotonic()
            self.sender.receive(payload)
        elif topic in self._papered:
            try:
                news = self._papers.read(payload)
            except Refused as bad:
                news = News({}, [bad], [])
            for refused in news.refused:
                logger.warning("%s: a paper was not taken: %s", self._station.name, refused)
            if news.papers:
                self._configured(news.papers)
            if news.lacking:
                logger.warning("%s: the city lacks %d seals that are kept here", self._station.name, len(news.lacking))
                self.pass_on(news.lacking)

    # What the sender asks its owner:

    def last_number(self) -> int:
        """A gateway gives no numbers."""
        return 0

    def config_version(self) -> int:
        """The roster's version."""
        return self._papers.version

    async def replenish(self) -> Iterable[Item]:
        """Nothing is made here: all there is comes through `recorded`."""
        return ()

    async def welcomed(self, missing: Mapping[StreamKey, Ranges]) -> None:
        """Forget the receipts of what the city has lost: it must not be deleted by them."""
        knows = self._station.timepiece.now() is not None
        if knows and not self._knew_the_time:
            self._timed()
        self._knew_the_time = knows
        await self._journal.unsettle(missing)
        void = self._papers.take_back(missing)
        if void:
            logger.warning("%s: the city asks again for %d streams that it had settled", self._station.name, len(void))
            await self._journal.discard(receipt_name(stream) for stream in void)

    def answered(self, ack: Ack) -> None:
        """Remember what is settled, for the nodes' welcomes."""
        if ack.settled:
            self._papers.settle(ack.stream, Ranges(ack.settled))

    async def receipted(self, receipts: Sequence[Receipted]) -> None:
        """Keep the receipts and pass them on."""
        kept: dict[str, bytes] = {}
        told: dict[str, list[bytes]] = {}
        for one in receipts:
            try:
                name = self._papers.receipted(one)
            except Refused as bad:
                logger.warning("%s: a receipt was not taken: %s", self._station.name, bad)
                continue
            if name is not None:
                kept[name] = one.raw
            told.setdefault(one.receipt.node, []).append(one.raw)
        if kept:
            await self._journal.keep(kept)
        for node, entries in told.items():
            self._tell(node, entries)

    async def refused(self, items: Iterable[Item], reason: Reason) -> None:
        """Let the node know. It is kept here too: the node may have another disk by now, and lack it."""
        for item in items:
            logger.warning(
                "%s: the city refused numbers %d to %d of %s %s: %s; trying again in an hour",
                *(self._station.name, item.first, item.last, *item.stream, reason),
            )
            refused = Ack(*item.stream, refused=[(item.first, item.last, reason)])
            self._tell(item.stream.node, [encode(refused)])

    async def make_room(self) -> None:
        """Delete what may go: what was settled long ago, and, while the disk is full, more of it and what was refused.

        A node that sends what the city refuses must not be able to fill a township's disk. Raises `StoreFull`.
        """
        now = self._station.timepiece.now()
        await self._journal.make_room(now.at if now else None)
        if not self._journal.disk.free() and await self.sender.give_up_refused():
            await self._journal.disk.reclaim()
