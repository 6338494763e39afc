"""A township's gateway: the composition of its journal, its reception and its forwarder, and their supervisor."""

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from contract.bundle import Signed
from contract.errors import Refused, StoreDamaged, StoreFull
from contract.identity import EPOCH_BITS, epoch_text
from contract.prompt import Answer
from contract.signing import Signer, public_key
from contract.status import GatewayStatus
from contract.version import __version__
from gateway.forwarder import Forwarder
from gateway.hall.view import View
from gateway.health import Health
from gateway.papers import Papers
from gateway.reception import Reception
from gateway.settings import Settings
from gateway.visits.desk import Visits
from gateway.visits.store import VisitStore
from transport.boot import boot_id, boottime_ms, boottime_s, wall_ms
from transport.histogram import Histogram
from transport.intake import Verified
from transport.lanes import Item, Lanes
from transport.shelf import Shelf
from transport.station import Station
from transport.timepiece import Timepiece

logger = logging.getLogger(__name__)

# A hello that waits looks like one of a clock that is behind; together they take fewer messages.
HELLOS_S = 1.0
PRUNE_S = 600.0
# How often it looks whether the disk is full, and tries again what a full disk refused.
LOOK_S = 10.0
# A change in a node's condition is reported this soon; further ones in between travel along.
REPORT_S = 2.0
_HELLOS_AT_ONCE = 200


class Vitals(NamedTuple):
    """What a gateway's figures are made of; `up`: whether each of its connections stands.

    Where the disk was not `readable`, the `oldest_ms` of `status` says nothing.
    """

    status: GatewayStatus
    readable: bool
    up: dict[str, bool]
    lanes: Lanes
    commits: Histogram


class Gateway:
    """`run` until `stop`; `ready` is set once both brokers are being connected to and the journal is open.

    `visits`: where they are told, while it runs and its settings ask for it.
    """

    def __init__(self, settings: Settings, signer: Signer) -> None:
        """Prepare a gateway with the key `signer`; nothing is opened yet."""
        self.ready = asyncio.Event()
        self._settings = settings
        self._signer = signer
        self._stopping = asyncio.Event()
        self._report_due = asyncio.Event()
        self._health = Health()
        self._news: dict[str, bytes] = {}
        self._news_due = asyncio.Event()
        self.visits: Visits | None = None

    def stop(self) -> None:
        """Make `run` end: intake first, then everything else."""
        self._stopping.set()

    def view(self) -> View | None:
        """What the hall's pages look at; None before it is `ready`."""
        if not self.ready.is_set():
            return None
        forwarder = self._forwarder
        return View(self._papers, self._journal, self._timepiece, forwarder.up["live"], forwarder.heard_at)

    async def run(self) -> None:
        """Open, connect, work. Raises what a supervisor cannot mend (`StoreDamaged`), with everything closed."""
        async with AsyncExitStack() as stack:
            await self._open(stack)
            async with asyncio.TaskGroup() as tasks:
                work = [
                    tasks.create_task(self._forwarder.sender.run(), name="forwarder"),
                    tasks.create_task(self._reception.receiver.run(), name="reception"),
                    tasks.create_task(self._file(), name="papers"),
                    tasks.create_task(self._report(), name="report"),
                    tasks.create_task(self._pass_hellos_on(), name="hellos"),
                    tasks.create_task(self._prune(), name="prune"),
                ]
                if self.visits is not None:
                    work.append(tasks.create_task(self.visits.run(), name="visits"))
                self.ready.set()
                await self._stopping.wait()
                self.visits = None
                for task in work:
                    task.cancel()

    async def _open(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        self._journal = await Shelf.open_sound(Path(settings.store))
        stack.push_async_callback(self._journal.close)
        city_key = public_key(settings.city_key)
        self._papers = Papers(settings.township, city_key, settings.roster)
        for name, raw in (await self._journal.papers()).items():
            try:
                self._papers.take_in(Signed.of(raw))
            except Refused as refused:
                logger.warning("%s: the paper kept as %r is void: %s", settings.node, name, refused)
        self._timepiece = Timepiece(
            await self._journal.dating(),
            boot=boot_id(),
            boottime_ms=boottime_ms,
            wall_ms=wall_ms,
        )
        self._epoch = epoch_text(secrets.randbits(EPOCH_BITS))
        station = Station(settings.node, self._epoch, self._signer, city_key, self._timepiece)
        self._forwarder = Forwarder(
            settings,
            station,
            self._journal,
            self._papers,
            monotonic=boottime_s,
            tell=self._tell,
            configured=self._configured,
            timed=self._timed,
        )
        self._reception = Reception(
            settings,
            station,
            self._journal,
            self._papers,
            self._health,
            recorded=self._recorded,
            changed=self._report_due.set,
            became=self._became,
            met=self._met,
        )
        if settings.visits is not None:
            visits = await VisitStore.open_sound(Path(settings.visits.store))
            stack.push_async_callback(visits.close)
            self.visits = await Visits(
                visits,
                station,
                self._journal,
                wait_ms=round(settings.visits.wait_s * 1000),
                send=self._reception.prompt,
                recorded=self._forwarder.recorded,
                windows_of=self._windows_of,
                random_bits=secrets.randbits,
            ).open()
        await stack.enter_async_context(self._forwarder)
        await stack.enter_async_context(self._reception)

    def _recorded(self, items: list[Item], batches: list[Verified]) -> None:
        self._forwarder.recorded(items, batches)
        if self.visits is not None:
            self.visits.passed(batches)

    def _became(self, answer: Answer) -> None:
        if self.visits is not None:
            self.visits.became(answer)

    def _met(self, node: str) -> None:
        if self.visits is not None:
            self.visits.met(node)

    def _windows_of(self, node: str) -> Sequence[str] | None:
        return self._health.windows(node) if node in self._papers.nodes else None

    def _tell(self, node: str, entries: list[bytes]) -> None:
        self._reception.tell(node, entries)

    def _timed(self) -> None:
        self._reception.timed()

    def _configured(self, news: Mapping[str, bytes]) -> None:
        self._reception.configured(self._papers.configs_among(news))
        self._news.update(news)
        self._news_due.set()

    async def _file(self) -> None:
        """Keep the city's papers on disk, so that a restart without the city knows its nodes."""
        while True:
            await self._news_due.wait()
            self._news_due.clear()
            while self._news:
                papers, self._news = self._news, {}
                try:
                    await self._journal.keep(papers)
                except StoreFull as full:
                    logger.error("%s: %s", self._settings.node, full)  # noqa: TRY400  (the cause is in the text)
                    self._news = papers | self._news
                    await asyncio.sleep(LOOK_S)

    async def _report(self) -> None:
        while True:
            try:
                self._forwarder.report(await self._status())
            except StoreFull as unreadable:
                logger.error("%s: %s", self._settings.node, unreadable)  # noqa: TRY400  (the cause is in the text)
            await asyncio.sleep(REPORT_S)
            try:
                async with asyncio.timeout(self._settings.heartbeat_s):
                    await self._report_due.wait()
            except TimeoutError:
                continue
            finally:
                self._report_due.clear()

    async def _status(self) -> GatewayStatus:
        return self._status_with(await self._oldest_ms())

    async def _oldest_ms(self) -> int:
        """Age of the oldest rating that waits, 0 for none: the one part of the status that is read from the disk."""
        oldest = await self._forwarder.sender.oldest()
        now = self._timepiece.now()
        return max(0, now.at - oldest) if now and oldest else 0

    def _status_with(self, oldest_ms: int) -> GatewayStatus:
        now = self._timepiece.now()
        return GatewayStatus(
            node=self._settings.node,
            state="up",
            version=__version__,
            epoch=self._epoch,
            config=self._papers.version,
            queue=self._forwarder.sender.waiting,
            oldest_ms=oldest_ms,
            disk_free=self._journal.disk.free(),
            full=self._journal.disk.full,
            clock_error_ms=now.error if now else None,
            quarantined=dict(self._reception.counts),
            nodes=self._health.of(self._papers.nodes),
        )

    async def vitals(self) -> Vitals:
        """How it is at this moment, as far as the disk can be read; to be asked once it is `ready`."""
        up = {"nodes": self._reception.up, **self._forwarder.up}
        try:
            status, readable = await self._status(), True
        except (StoreFull, StoreDamaged):
            # Logged, or acted on, by those who work with the disk: asking for figures is to change nothing.
            status, readable = self._status_with(0), False
        return Vitals(status, readable, up, self._forwarder.sender.lanes, self._journal.disk.commits)

    async def _pass_hellos_on(self) -> None:
        while True:
            hellos = self._reception.hellos()
            if self.visits is not None:
                hellos += self.visits.hellos()
            for start in range(0, len(hellos), _HELLOS_AT_ONCE):
                self._forwarder.pass_on(hellos[start : start + _HELLOS_AT_ONCE])
            await asyncio.sleep(HELLOS_S)

    async def _prune(self) -> None:
        due = 0.0
        while True:
            await self._journal.disk.probe()
            if time.monotonic() >= due or not self._journal.disk.free():
                due = time.monotonic() + PRUNE_S
                try:
                    await self._forwarder.make_room()
                except StoreFull as full:
                    logger.error("%s: %s", self._settings.node, full)  # noqa: TRY400  (the cause is in the text)
            await asyncio.sleep(LOOK_S)
