"""The city's end of the durable hop on real connections: one for the live lane and one for the backlog."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from functools import partial

from cloud.board.picture import Trouble
from cloud.calendar import Calendar
from cloud.clocks.rules import Watch
from cloud.clocks.worker import Keeper
from cloud.database import Database
from cloud.ingest.answers import UNASKED
from cloud.ingest.charge import Change, Charge
from cloud.ingest.clock import CityClock, trusted_error_ms
from cloud.ingest.committer import Committer
from cloud.ingest.intake import Intake
from cloud.ingest.receipts import Receipts
from cloud.ledger.commit import Commit
from cloud.ledger.memory import Memory
from cloud.ledger.rules import Lane
from cloud.registry.papers import papers
from cloud.registry.snapshot import Registry
from cloud.registry.worker import RegistryHolder
from cloud.settings import Settings
from contract import topics
from contract.bundle import pack, packed
from contract.codec import encode
from contract.hello import Welcome
from contract.signing import Signer, public_key
from proof.seals import Sealed
from transport.boot import boot_id, boottime_ms
from transport.kernel import kernel_error_ms
from transport.link import Link

LANES: tuple[Lane, Lane] = ("live", "backlog")
DRAIN_S = 2.0
# Who has heard no broker for so long leaves its counties to others; a cluster that has lost a leader takes 6 to 11 s.
DEAF_S = 15.0
# While nobody knows whether this machine's clock is right it is no reason not to count a rating.
_EVER_MS = 1 << 62


class Ingest:
    """Everything between the city's broker and its database. `listeners` are called on the loop after each commit."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        holder: RegistryHolder,
        charge: Charge,
        *,
        signer: Signer,
        name: Callable[[], str],
        now: Callable[[], int],
        calendar: Calendar,
        monotonic: Callable[[], float],
    ) -> None:
        """`signer`: the city's key; `name` gives new names; `now`: city time, ms; `calendar`: days and hours."""
        self._holder = holder
        self._signer = signer
        self._name = name
        # Who welcomes. Another name tells gateways to say again what they keep.
        self._by = name()
        self._monotonic = monotonic
        self._heard_at = monotonic()
        kernel = trusted_error_ms if settings.clock == "trusted" else kernel_error_ms
        self.clock = CityClock(now, kernel, boot=boot_id(), boottime_ms=boottime_ms)
        watch = Watch(self.clock.error_ms)
        self._keeper = Keeper(watch, database, now=now)
        self._charge = charge
        memory = Memory(database.reader)
        committer = Committer(
            database,
            memory,
            charge,
            now=now,
            calendar=calendar,
            future_ms=lambda: _EVER_MS if self.clock.error_ms() is None else settings.future_s * 1000,
            monotonic=monotonic,
        )
        self._intake = Intake(
            committer,
            memory,
            registry=lambda: holder.current,
            publish=self._publish,
            now=now,
            clock=self.clock.clock,
            by=lambda: self._by,
            city=public_key(signer.public),
            monotonic=monotonic,
        )
        self._receipts = Receipts(
            signer,
            send=self._send_entries,
            now=now,
            known=lambda: self.clock.error_ms() is not None,
            monotonic=monotonic,
        )
        self._intake.on_words = watch.hear
        self._intake.on_settled = self._receipts.settled
        self._intake.on_asked = self._receipts.asked
        self._intake.welcoming = lambda: self.up and not self._awaited
        self._intake.able = self._able
        self._intake.on_change = self._changed
        # Lanes on which the broker does not deliver the newest counties yet; before the first ones nobody is spoken to.
        self._awaited: set[Lane] = set(LANES)
        # The newest seals as signed, which townships keep.
        self.seals: Callable[[], Sequence[bytes]] = tuple
        # What halls show, as signed: payloads by township.
        self.halls: Callable[[], Iterable[tuple[str, bytes]]] = tuple
        self._subscribed = False
        self._links = {
            lane: Link(
                settings.broker,
                client_id=f"city-{self._by}-{lane}",
                subscribe=[],
                on_receive=partial(self._intake.receive, lane),
                on_up=partial(self._delivered, lane),
                on_down=lambda: None,
            )
            for lane in LANES
        }
        self._stop = asyncio.Event()

    @property
    def listeners(self) -> list[Callable[[Commit], None]]:
        """To be called after each commit."""
        return self._intake.listeners

    @property
    def up(self) -> bool:
        """Whether both connections stand."""
        return all(link.up for link in self._links.values())

    @property
    def counties(self) -> frozenset[str]:
        """The counties in its charge; "+" for all."""
        return self._charge.counties

    @property
    def registered(self) -> list[str]:
        """Every county that is registered, whoever has it; 6 digits each."""
        return self._holder.current.county_codes

    @property
    def trouble(self) -> str | None:
        """What keeps the database from taking commits, if anything does."""
        return self._intake.trouble

    @property
    def ailment(self) -> Trouble | None:
        """What keeps the ledger from taking anything, in the word that the wall has for it."""
        if self._intake.trouble is None:
            return None
        return "full" if self._intake.out_of_room else "failing"

    @property
    def dropped(self) -> int:
        """Payloads that found the queue full; they come again."""
        return self._intake.dropped

    @property
    def waiting_bytes(self) -> int:
        """Bytes that were received and not yet settled."""
        return self._intake.waiting_bytes

    def receive(self, lane: Lane, topic: str, payload: bytes) -> None:
        """Take what comes by another way than the broker, as if it came by that."""
        self._intake.receive(lane, topic, payload)

    def stop(self) -> None:
        """Take nothing more, settle and answer what was taken for at most `DRAIN_S`, then return from `run`."""
        self._stop.set()

    async def run(self) -> None:
        """Work until stopped."""
        self._holder.listeners.append(self._registry_changed)
        async with AsyncExitStack() as stack:
            for link in self._links.values():
                await stack.enter_async_context(link)
            async with asyncio.TaskGroup() as tasks:
                receipts = tasks.create_task(self._receipts.run(), name="receipts")
                clocks = tasks.create_task(self._keeper.run(), name="clocks")
                intake = tasks.create_task(self._intake.run(), name="intake")
                await self._stop.wait()
                self._intake.stop()
                await asyncio.wait({intake}, timeout=DRAIN_S)
                intake.cancel()
                receipts.cancel()
                clocks.cancel()

    def _publish(self, lane: Lane, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        return self._links[lane].publish(topic, payload, retain=retain)

    def _send_entries(self, township: str, entries: list[bytes]) -> None:
        for payload in packed(entries):
            self._publish("live", topics.township(township, "acks"), payload)

    def _able(self) -> bool:
        """Whether the broker was heard lately."""
        if self.up:
            self._heard_at = self._monotonic()
        return self._monotonic() - self._heard_at < DEAF_S

    def _changed(self, change: Change) -> None:
        """Counties came or went: hear them, or hear them no more."""
        if change.anew:
            self._by = self._name()
            self._receipts.forget()
        self._subscribed |= bool(change.gained)
        for lane, link in self._links.items():
            link.unsubscribe([topics.every_township(lane, county) for county in change.lost])
            if change.gained:
                self._awaited.add(lane)
                wanted = [topics.every_township(lane, county) for county in change.gained]
                link.subscribe(wanted, partial(self._delivered, lane))

    def _delivered(self, lane: Lane) -> None:
        """All counties are heard on this lane: let townships know their papers; with both, that they may greet us.

        Who is welcomed sends its backlog, and where nobody hears that yet it waits half a minute before it tries again.
        """
        if not self._subscribed:
            return
        registry = self._holder.current
        self._awaited.discard(lane)
        if lane == "live":
            self._publish_papers(registry)
            self.tell_halls(self.halls())
        if not self.up or self._awaited:
            return
        for gateway in registry.gateways.values():
            if self._charge.covers(gateway.township):
                hint = Welcome(gateway.node, UNASKED, self._by, self.clock.clock(), [])
                self._publish("live", topics.township(gateway.township, "acks"), pack([encode(hint)]))

    def _registry_changed(self, registry: Registry) -> None:
        self._publish_papers(registry)
        self._intake.admit()

    def hear_seals(self, listener: Callable[[list[Sealed]], None]) -> None:
        """Tell `listener` of seals that townships hand back; this city signed them."""
        self._intake.on_seals = listener

    def sealed(self) -> None:
        """There is a new seal: let townships have it."""
        if self._subscribed and "live" not in self._awaited:
            self._publish_papers(self._holder.current)

    def tell_halls(self, told: Iterable[tuple[str, bytes]]) -> None:
        """Let halls have the payloads in `told`, by township; what cannot be told yet is asked for when it can."""
        if self._subscribed and "live" not in self._awaited:
            for township, payload in told:
                if self._charge.covers(township):
                    self._publish("live", topics.township(township, "hall"), payload, retain=True)

    def _publish_papers(self, registry: Registry) -> None:
        for township, payload in papers(registry, self._signer, self.seals()):
            if self._charge.covers(township):
                self._publish("live", topics.township(township, "config"), payload, retain=True)
