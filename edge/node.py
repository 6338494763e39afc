"""A node: the composition of its outbox, its windows and its uplink, and their supervisor."""

import asyncio
import logging
import secrets
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from contract.batch import StreamKey
from contract.bundle import Signed
from contract.config import NodeConfig
from contract.errors import Refused, StoreDamaged, StoreFull
from contract.identity import EPOCH_BITS, epoch_text
from contract.prompt import Prompt, Standing
from contract.signing import Signer, public_key
from contract.status import NodeStatus
from contract.version import __version__
from edge.asking import Ask
from edge.config import PAPER, city_config, configured
from edge.panel import Panel
from edge.pins import Factory, reach
from edge.prompts import Prompts
from edge.session import Choice
from edge.settings import Settings
from edge.uplink import Uplink
from transport.boot import boot_id, boottime_ms, boottime_ns, boottime_s, wall_ms
from transport.histogram import Histogram
from transport.lanes import Lanes
from transport.outbox import Outbox, Settled
from transport.station import Station
from transport.timepiece import Timepiece

logger = logging.getLogger(__name__)

PRUNE_S = 3600.0
# How often the node looks whether its condition changed (a stuck button, a full disk) between two heartbeats.
LOOK_S = 10.0


class Vitals(NamedTuple):
    """What a node's figures are made of; `refused`: choices since the start that the full disk could not take.

    Where the disk was not `readable`, the `oldest_ms` of `status` says nothing.
    """

    status: NodeStatus
    readable: bool
    refused: int
    up: bool
    lanes: Lanes
    commits: Histogram


class Node:
    """`run` until `stop`; `ready` is set once the windows are served and the outbox is open."""

    def __init__(self, settings: Settings, *, factory: Factory, signer: Signer) -> None:
        """Prepare a node with the key `signer` on the pins of `factory`; nothing is opened yet."""
        self.ready = asyncio.Event()
        self._settings = settings
        self._factory = factory
        self._signer = signer
        self._stopping = asyncio.Event()
        self._report_due = asyncio.Event()
        self._reconfigured = asyncio.Event()
        self._new_config: tuple[NodeConfig, bytes] | None = None
        self._config_version = 0
        self._prompts = Prompts(self._ask)
        # Counts of the panels that earlier configurations made.
        self._settled_before = 0
        self._ignored_before = 0
        self._refused_before = 0

    def stop(self) -> None:
        """Make `run` end: the windows first, then the uplink, then the store."""
        self._stopping.set()
        self._reconfigured.set()

    async def run(self) -> None:
        """Open, serve, work. Raises what a supervisor cannot mend (`StoreDamaged`, `SettingsError`), all closed."""
        async with AsyncExitStack() as stack:
            await self._open(stack)
            async with asyncio.TaskGroup() as tasks:
                work = [
                    tasks.create_task(self._uplink.sender.run(), name="sender"),
                    tasks.create_task(self._report(), name="report"),
                    tasks.create_task(self._prune(), name="prune"),
                ]
                while not self._stopping.is_set():
                    await self._serve()
                for task in work:
                    task.cancel()

    async def _open(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        self._outbox = await Outbox.open_sound(Path(settings.store))
        stack.push_async_callback(self._outbox.close)
        boot, self._epoch = boot_id(), epoch_text(secrets.randbits(EPOCH_BITS))
        await self._outbox.begin(StreamKey(settings.node, self._epoch), self._signer, boot)
        city_key = public_key(settings.city_key)
        kept = (await self._outbox.papers()).get(PAPER)
        if kept is not None:
            try:
                self._configure(city_config(Signed.of(kept), city_key, settings.node))
            except Refused as void:
                logger.warning("%s: the configuration kept here is void: %s", settings.node, void)
        # Here, where it ends the node with one line: among tasks it would come out in a group.
        reach(self._factory, self._settings.window)
        self._timepiece = Timepiece(await self._outbox.dating(), boot=boot, boottime_ms=boottime_ms, wall_ms=wall_ms)
        station = Station(settings.node, self._epoch, self._signer, city_key, self._timepiece)
        self._uplink = Uplink(
            settings.broker,
            station,
            self._outbox,
            monotonic=boottime_s,
            config_version=self._config_version,
            configured=self._take_config,
            prompted=self._prompted,
            on_up=self._report_due.set,
        )
        await stack.enter_async_context(self._uplink)

    async def _serve(self) -> None:
        """Serve the windows as they are configured now, until that changes or the node stops."""
        settings = self._settings
        self._prompts.interrupted()
        self._panel = Panel(
            settings.window,
            settings.timing,
            factory=self._factory,
            record=self._record,
            became=self._became,
            monotonic_ns=boottime_ns,
        )
        async with self._panel:
            self.ready.set()
            self._report_due.set()
            await self._reconfigured.wait()
        self._reconfigured.clear()
        self._settled_before += self._panel.settled
        self._ignored_before += self._panel.ignored
        self._refused_before += self._panel.refused
        if self._new_config is not None:
            config, raw = self._new_config
            self._new_config = None
            self._configure(config)
            try:
                await self._outbox.keep({PAPER: raw})
            except StoreFull as full:
                # It is in force all the same; after a restart the gateway's retained one comes again.
                logger.error("%s: %s", self._settings.node, full)  # noqa: TRY400  (the cause is in the text)

    async def _record(self, choice: Choice) -> None:
        boottime = choice.pressed_ns // 1_000_000
        dated = self._timepiece.at(boottime)
        try:
            await self._uplink.record(
                Settled(choice.window, choice.level, choice.presses, boottime, dated, choice.token)
            )
        except StoreFull:
            # Who is turned away saw it blink; the wall is to know as soon.
            self._report_due.set()
            raise

    def _ask(self, window: str, asked: Ask) -> bool:
        return self._panel.ask(window, asked)

    def _prompted(self, prompt: Prompt) -> None:
        now = self._timepiece.now()
        standing = self._prompts.take(prompt, boottime_ns(), now.at if now else None)
        self._uplink.answer(prompt.token, standing)

    def _became(self, token: str, standing: Standing) -> None:
        self._prompts.became(token, standing)
        self._uplink.answer(token, standing)

    def _take_config(self, config: NodeConfig, raw: bytes) -> None:
        # What cannot be reached would end the node, at this start and at every later one.
        reach(self._factory, config.windows)
        self._new_config = (config, raw)
        self._reconfigured.set()

    def _configure(self, config: NodeConfig) -> None:
        self._config_version = config.version
        self._settings = configured(self._settings, config)

    async def _report(self) -> None:
        last: tuple[object, ...] = ()
        due = 0.0
        while True:
            # Before it is looked: what happens meanwhile is for the next report.
            if self._report_due.is_set():
                due = 0.0
            self._report_due.clear()
            try:
                status = await self._status()
            except StoreFull as unreadable:
                logger.error("%s: %s", self._settings.node, unreadable)  # noqa: TRY400  (the cause is in the text)
            else:
                condition = (status.full, status.stuck, status.clock_error_ms is None, status.config)
                if condition != last or time.monotonic() >= due:
                    self._uplink.report(status)
                    last, due = condition, time.monotonic() + self._settings.heartbeat_s
                if status.clock_error_ms is None:
                    await self._note_the_boot()
            try:
                async with asyncio.timeout(min(LOOK_S, self._settings.heartbeat_s)):
                    await self._report_due.wait()
            except TimeoutError:
                continue

    async def _note_the_boot(self) -> None:
        """Keep how far this boot came: a bound for what it may never learn to date."""
        try:
            await self._outbox.lived(self._timepiece.boot, boottime_ms())
        except StoreFull as full:
            logger.error("%s: %s", self._settings.node, full)  # noqa: TRY400  (the cause is in the text)

    async def _status(self) -> NodeStatus:
        return self._status_with(await self._oldest_ms())

    async def _oldest_ms(self) -> int:
        """Age of the oldest rating that waits, 0 for none: the one part of the status that is read from the disk."""
        oldest_at = await self._uplink.sender.oldest()
        uncut = await self._outbox.oldest_uncut() if self._outbox.uncut else None
        now = self._timepiece.now()
        ages = [now.at - oldest_at] if now and oldest_at else []
        ages += [boottime_ms() - uncut] if uncut else []
        return max(0, *ages, 0)

    def _status_with(self, oldest_ms: int) -> NodeStatus:
        now = self._timepiece.now()
        return NodeStatus(
            node=self._settings.node,
            state="up",
            version=__version__,
            epoch=self._epoch,
            config=self._config_version,
            windows=[window.id for window in self._settings.window],
            queue=self._uplink.sender.waiting + self._outbox.uncut,
            oldest_ms=oldest_ms,
            disk_free=self._outbox.disk.free(),
            stuck=self._panel.stuck(),
            full=self._outbox.disk.full,
            clock_error_ms=now.error if now else None,
            settled=self._settled_before + self._panel.settled,
            ignored=self._ignored_before + self._panel.ignored,
            destroyed=sum(map(len, self._outbox.void.values())),
        )

    async def vitals(self) -> Vitals:
        """How it is at this moment, as far as the disk can be read; to be asked once it is `ready`."""
        try:
            status, readable = await self._status(), True
        except (StoreFull, StoreDamaged):
            # Logged, or acted on, by those who work with the disk: asking for figures is to change nothing.
            status, readable = self._status_with(0), False
        return Vitals(
            status,
            readable,
            self._refused_before + self._panel.refused,
            self._uplink.up,
            self._uplink.sender.lanes,
            self._outbox.disk.commits,
        )

    async def _prune(self) -> None:
        due = 0.0
        while True:
            await self._outbox.disk.probe()
            if time.monotonic() >= due or not self._outbox.disk.free():
                due = time.monotonic() + PRUNE_S
                now = self._timepiece.now()
                try:
                    await self._outbox.make_room(now.at if now else None)
                except StoreFull as full:
                    logger.error("%s: %s", self._settings.node, full)  # noqa: TRY400  (the cause is in the text)
            await asyncio.sleep(LOOK_S)
