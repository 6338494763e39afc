"""Nodes by their protocol alone: the real outbox, sender, keys and time of a node, and neither pins nor threads.

A real node costs a connection and two threads. Puppets share one connection, and their outboxes commit on the loop
itself: the same SQL, the same `synchronous=FULL`. So one process holds thousands of them, and to a gateway they are
nodes like any other, but for the will: no broker announces a puppet's death.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

from contract import topics
from contract.ack import Ack
from contract.batch import StreamKey
from contract.codec import encode
from contract.errors import Reason, StoreFull
from contract.identity import EPOCH_BITS, epoch_text
from contract.ranges import Ranges
from contract.signing import public_key
from contract.status import NodeStatus
from contract.version import __version__
from edge.settings import Settings
from firmware_sim.crowd import Press
from firmware_sim.finger import Ending
from firmware_sim.fingerlog import Entry, FingerLog, Kind
from firmware_sim.inline import open_outbox
from transport.boot import boot_id, boottime_ms, wall_ms
from transport.broker import Broker
from transport.keys import read_key
from transport.lanes import Item, Lanes
from transport.link import Link
from transport.outbox import Outbox, Settled
from transport.owner import Receipted
from transport.sender import Sender
from transport.station import Station
from transport.timepiece import Timepiece

Publish = Callable[[str, bytes], bool]


class Puppet:
    """One node without pins: `record` puts a choice on disk and on its way while `sender.run` runs."""

    def __init__(self, settings: Settings, outbox: Outbox, station: Station, publish: Publish) -> None:
        """Use `open`. `publish(topic, payload)` answers False while there is no connection."""
        self.settings = settings
        self.outbox = outbox
        self.settled = 0
        self._station = station
        self._publish = publish
        self.sender = Sender(
            station,
            outbox,
            Lanes(),
            self,
            publish=lambda _, payload: publish(topics.node(settings.node, "ratings"), payload),
            monotonic=time.monotonic,
        )

    @classmethod
    async def open(cls, settings: Settings, publish: Publish) -> Self:
        """Open the node's store and begin an epoch in it."""
        outbox = await open_outbox(Path(settings.store))
        signer = read_key(Path(settings.key))
        boot, epoch = boot_id(), epoch_text(secrets.randbits(EPOCH_BITS))
        await outbox.begin(StreamKey(settings.node, epoch), signer, boot)
        timepiece = Timepiece(await outbox.dating(), boot=boot, boottime_ms=boottime_ms, wall_ms=wall_ms)
        station = Station(settings.node, epoch, signer, public_key(settings.city_key), timepiece)
        return cls(settings, outbox, station, publish)

    async def record(self, window: str, level: int, presses: int, boottime: int) -> None:
        """Commit a settled choice; raises `StoreFull`."""
        dated = self._station.timepiece.at(boottime)
        items = await self.outbox.append(Settled(window, level, presses, boottime, dated), cut=self.sender.lanes.idle)
        self.settled += 1
        if items:
            self.sender.offer(items)
        else:
            self.sender.poke()

    def report(self, *, up: bool) -> None:
        """Say how the node is, retained."""
        now = self._station.timepiece.now()
        status = NodeStatus(
            node=self.settings.node,
            state="up" if up else "down",
            version=__version__,
            epoch=self._station.epoch,
            windows=[window.id for window in self.settings.window],
            queue=self.sender.lanes.ratings() + self.outbox.uncut,
            disk_free=self.outbox.disk.free(),
            clock_error_ms=now.error if now else None,
            settled=self.settled,
        )
        self._publish(topics.node(self.settings.node, "status"), encode(status))

    # What the sender asks its owner:

    def last_number(self) -> int:
        """Return the highest number given in this epoch."""
        return self.outbox.last

    def config_version(self) -> int:
        """Return 0: a puppet has no pins to be configured."""
        return 0

    async def replenish(self) -> Iterable[Item]:
        """Cut what has gathered."""
        return await self.outbox.cut()

    async def welcomed(self, missing: Mapping[StreamKey, Ranges]) -> None:  # noqa: ARG002  (the sender's signature)
        """Date what was pressed without the time."""
        while self.outbox.undated and await self.outbox.date(self._station.timepiece.later(await self.outbox.boots())):
            pass

    def answered(self, ack: Ack) -> None:
        """Nothing more to do: the lanes have taken it in."""

    async def receipted(self, receipts: Sequence[Receipted]) -> None:
        """Nothing more to do: the shelf has been marked."""

    async def refused(self, items: Iterable[Item], reason: Reason) -> None:
        """Nothing to say: it is tried again in an hour."""


Opened = Callable[[Settings, Publish], Awaitable[Puppet]]


class Puppets:
    """Many puppets behind one connection to one broker; `run` until `stop`."""

    def __init__(self, settings: Sequence[Settings], *, name: str, opened: Opened | None = None) -> None:
        """Prepare; `name` is the connection's own at the broker, `opened` makes a puppet (`Puppet.open`)."""
        self.ready = asyncio.Event()
        self.puppets: list[Puppet] = []
        self._settings = settings
        self._open = opened or Puppet.open
        self._stopping = asyncio.Event()
        self._by_node: dict[str, Puppet] = {}
        self._link = Link(
            _one_broker(settings),
            client_id=name,
            subscribe=[topics.node(one.node, "acks") for one in settings],
            on_receive=self._arrived,
            on_up=self._up,
            on_down=self._down,
        )

    def stop(self) -> None:
        """Make `run` end."""
        self._stopping.set()

    async def open(self) -> None:
        """Open all outboxes; `run` does it where nobody did before."""
        for one in self._settings:
            puppet = await self._open(one, self._publish)
            self.puppets.append(puppet)
            self._by_node[one.node] = puppet

    async def run(self) -> None:
        """Open all outboxes, connect, work."""
        try:
            if not self.puppets:
                await self.open()
            async with self._link, asyncio.TaskGroup() as group:
                tasks = [group.create_task(p.sender.run(), name=f"sender {p.settings.node}") for p in self.puppets]
                tasks.append(group.create_task(self._beat(), name="heartbeats"))
                self.ready.set()
                await self._stopping.wait()
                for task in tasks:
                    task.cancel()
                self._report(up=False)
        finally:
            for puppet in self.puppets:
                await puppet.outbox.close()

    async def _beat(self) -> None:
        heartbeat_s = min(one.heartbeat_s for one in self._settings)
        while True:
            self._report(up=True)
            await asyncio.sleep(heartbeat_s)

    def _report(self, *, up: bool) -> None:
        for puppet in self.puppets:
            puppet.report(up=up)

    def _publish(self, topic: str, payload: bytes) -> bool:
        return self._link.publish(topic, payload, retain=topic.endswith("/status"))

    def _arrived(self, topic: str, payload: bytes) -> None:
        puppet = self._by_node.get(topics.writer(topic))
        if puppet is not None:
            puppet.sender.receive(payload)

    def _up(self) -> None:
        for puppet in self.puppets:
            puppet.sender.link_up()
        self._report(up=True)

    def _down(self) -> None:
        for puppet in self.puppets:
            puppet.sender.link_down()


class PuppetWindow:
    """One window of a puppet; people press in thin air, and what they see lit is the commit."""

    def __init__(self, puppet: Puppet, window: str, *, log: FingerLog, closing: asyncio.Event) -> None:
        """Stand at `window` (city-wide name) of `puppet`; once `closing` is set nobody changes their mind any more."""
        self._puppet = puppet
        self._window = window
        self._log = log
        self._closing = closing

    async def visit(self, name: str, presses: Sequence[Press]) -> Ending:
        """Press as `presses` says, settle, and wait for the commit; `name` is the visit's own in the log."""
        settle_s = self._puppet.settings.timing.settle_s
        last = presses[0]
        count = 0
        while True:
            self._note("pressed", name, last.level)
            boottime, count = boottime_ms(), count + 1
            following = None if count == len(presses) else presses[count]
            await asyncio.sleep(settle_s if following is None else following.after_s - last.after_s)
            if following is None or self._closing.is_set():
                break
            last = following
        try:
            await self._puppet.record(self._window.partition("/")[2], last.level, count, boottime)
        except StoreFull:
            self._note("refused", name, last.level)
            return "refused"
        self._note("lit", name, last.level)
        return "lit"

    def _note(self, kind: Kind, name: str, level: int) -> None:
        self._log.write(Entry(kind, name, self._window, level, wall_ms()))


def _one_broker(settings: Sequence[Settings]) -> Broker:
    first, *others = (one.broker for one in settings)
    if other := next((broker for broker in others if broker != first), None):
        raise ValueError(f"puppets share one connection, so one broker, not {first.addresses} and {other.addresses}")
    return first
