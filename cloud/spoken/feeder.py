"""From what a channel took to the ledger: put before the intake again and again, until the ledger has it.

What was taken is in the city's database, as a node's is on its card; the intake takes it as it takes what a township
sends. And the nodes that speak for the channel are registered here, one for each node at a counter.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from cloud.database import Database, unavailable
from cloud.ledger.commit import Commit
from cloud.ledger.rules import Lane
from cloud.registry.snapshot import Registry
from cloud.registry.speakers import Certify, Enlister
from cloud.spoken import store
from cloud.spoken.store import Kept, Waiting
from contract import topics
from contract.batch import StreamKey
from contract.bundle import packed
from contract.codec import encode
from contract.errors import Unavailable
from contract.hello import Hello
from contract.signing import Signer, public_key

logger = logging.getLogger(__name__)

# The channel may be served by another process, which cannot wake this one.
LOOK_S = 0.5
# What the ledger does not take at once is put before it again, and more and more seldom: it may never take it.
FIRST_AGAIN_S, LAST_AGAIN_S = 2.0, 3600.0
PAGE = 5_000
# So often it is looked for what is not to be kept any longer.
PRUNE_S = 86_400.0


class Feeder:
    """Feeds what is `kept` in `database` to `receive`, of townships that it `covers`; `signer` is the channel's own.

    `channel` is how it is named behind a node's dot, `called` how people call its senders. `waiting`: how many batches
    the ledger was not seen to have; `trouble`: why nothing goes on, while that is so. `registers()` says whether
    registering is this process's duty, `certify` makes certificates where the city has a CA.
    """

    def __init__(
        self,
        database: Database,
        kept: Kept,
        signer: Signer,
        *,
        channel: str,
        called: str,
        receive: Callable[[Lane, str, bytes], None],
        covers: Callable[[str], bool],
        registry: Callable[[], Registry],
        registers: Callable[[], bool],
        certify: Certify | None,
        now: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        """`now` is the city's time in ms, `monotonic` counts seconds."""
        self.trouble: str | None = None
        self.waiting = 0
        self._database = database
        self._kept = kept
        self._signer = signer
        self._channel = channel
        self._called = called
        self._key = public_key(signer.public)
        self._receive = receive
        self._covers = covers
        self._registers = registers
        self._now = now
        self._monotonic = monotonic
        self._enlister = Enlister(
            database,
            self._lacking,
            told=f"{called} may rate at",
            registry=registry,
            registers=registers,
            certify=certify,
            now=now,
        )
        self._news = asyncio.Event()
        # When each is put before the intake again, and after which pause.
        self._again: dict[tuple[StreamKey, int], tuple[float, float]] = {}
        self._pruned: float | None = None

    def wake(self) -> None:
        """Something was taken."""
        self._news.set()

    def committed(self, _commit: Commit) -> None:
        """The ledger has more than before: perhaps what was fed."""
        if self._again:
            self._news.set()

    async def run(self) -> None:
        """Feed until cancelled."""
        while True:
            self._news.clear()
            try:
                # First: what was taken goes on whatever there is about those that are to be registered.
                with unavailable():
                    await self._feed()
                    await self._prune()
                await self._enlister.look()
                self.trouble = None
            except Unavailable as away:
                if self.trouble is None:
                    logger.warning("what %s rated waits: %s", self._called, away)
                self.trouble = str(away)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._news.wait()

    async def _feed(self) -> None:
        async with self._database.reader.connect() as connection:
            found = await store.waiting(connection, self._kept, PAGE)
        settled = [one for one in found if one.settled]
        if settled:
            async with self._database.writer.begin() as connection:
                await store.settle(connection, self._kept, settled, self._now())
        at = self._monotonic()
        waiting = {(one.stream, one.first): one for one in found if not one.settled}
        self.waiting = len(waiting)
        self._again = {key: again for key, again in self._again.items() if key in waiting}
        due = [one for key, one in waiting.items() if self._is_due(key, at) and self._covers(one.township)]
        for township in sorted({one.township for one in due}):
            here = [one for one in due if one.township == township]
            for payload in packed([*self._hellos(here), *(one.raw for one in here)]):
                self._receive("live", topics.township(township, "live"), payload)
        for one in due:
            _, pause = self._again.get(key := (one.stream, one.first), (0.0, FIRST_AGAIN_S / 2))
            pause = min(LAST_AGAIN_S, 2 * pause)
            self._again[key] = at + pause, pause

    async def _prune(self) -> None:
        """Once a day, whoever registers, forget what was kept for long enough."""
        at = self._monotonic()
        if self._registers() and (self._pruned is None or at - self._pruned >= PRUNE_S):
            async with self._database.writer.begin() as connection:
                await store.prune(connection, self._kept, self._now())
            self._pruned = at

    def _is_due(self, key: tuple[StreamKey, int], at: float) -> bool:
        return key not in self._again or self._again[key][0] <= at

    def _hellos(self, found: Iterable[Waiting]) -> list[bytes]:
        """What each node says its numbers go up to, so that a tail that is withheld shows."""
        last: dict[StreamKey, int] = {}
        for one in found:
            last[one.stream] = max(one.last, last.get(one.stream, 0))
        return [
            self._signer.entry(encode(Hello(1, *stream, number, self._called, 0, "city", 0, self._now())))
            for stream, number in last.items()
        ]

    def _lacking(self, registry: Registry) -> Mapping[str, str]:
        """Who is to speak for the channel at each node that is at a counter."""
        names = (f"{node}.{self._channel}" for node in registry.nodes)
        return {name: self._signer.public for name in names if not self._known(registry, name)}

    def _known(self, registry: Registry, name: str) -> bool:
        keys = registry.keys(name)
        return bool(keys) and keys[0].raw == self._key
