"""The pipeline: payloads wait, two threads read them, one task commits what has been read and answers.

Under load everything that was read while a commit was under way goes into the next one; when idle a lone batch waits
for nobody. What is waiting is bounded: payloads beyond are dropped unanswered, and their sender sends them again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

from cloud.clocks.rules import Word
from cloud.ingest.answers import welcome_to
from cloud.ingest.charge import BEAT_S, Change
from cloud.ingest.committer import Committer, Outcome
from cloud.ingest.reading import Arrival, Reading, read
from cloud.ingest.turns import Turns
from cloud.ledger.admission import Progress
from cloud.ledger.commit import Commit
from cloud.ledger.memory import Memory
from cloud.ledger.rules import Lane
from cloud.registry.snapshot import Registry
from contract import topics
from contract.batch import StreamKey
from contract.bundle import pack
from contract.codec import encode
from contract.errors import OutOfRoom, Unavailable
from contract.hello import Clock
from contract.identity import township_of
from contract.ranges import Ranges
from proof.seals import Sealed

logger = logging.getLogger(__name__)
T = TypeVar("T")

READERS = 2
# What one call in a thread takes together: small payloads share the cost of the hop.
CHUNK_BYTES = 64 * 1024
# Of a backlog: what is read in one call is committed in one, and live ratings wait for that. Some 1,000 ratings.
BACKLOG_CHUNK_BYTES = 16 * 1024
CHUNK_PAYLOADS = 32
# Payload bytes that may wait to be read.
QUEUE_BYTES = 64 * 1024 * 1024
# Unpacked bytes that were read and are not yet committed; beyond it the readers pause.
AHEAD_BYTES = 4 * 1024 * 1024
FIRST_RETRY_S = 0.1
LAST_RETRY_S = 5.0


class Publish(Protocol):
    """How a payload gets to the broker, on the connection of `lane`; False when that is down."""

    def __call__(self, lane: Lane, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Publish."""


class Intake:
    """`receive` is called on the loop for each payload; `run` does the work.

    `listeners` are called on the loop after each commit, `settled` with the streams that grew or were asked about,
    `on_words` with what was said of the time, `on_seals` with seals that townships hand back, `on_change` when counties
    came to this process or went. `trouble` is the database's, while it has any; `dropped` counts payloads that found no
    room.
    """

    def __init__(
        self,
        committer: Committer,
        memory: Memory,
        *,
        registry: Callable[[], Registry],
        publish: Publish,
        now: Callable[[], int],
        clock: Callable[[], Clock],
        by: Callable[[], str],
        city: bytes,
        monotonic: Callable[[], float],
    ) -> None:
        """`now`: the city's time, ms; `clock`: what of it welcomes hand down; `by`: who does; `monotonic`: seconds.

        `city` is the city's public key (32 raw bytes).
        """
        self.listeners: list[Callable[[Commit], None]] = []
        self.on_settled: Callable[[StreamKey, Ranges], None] = lambda _stream, _numbers: None
        self.on_asked: Callable[[StreamKey, Ranges], None] = lambda _stream, _numbers: None
        self.on_words: Callable[[list[Word]], None] = lambda _words: None
        self.on_seals: Callable[[list[Sealed]], None] = lambda _seals: None
        # Whether hellos are answered now; those that are not come again.
        self.welcoming: Callable[[], bool] = lambda: True
        # Whether this process is fit to have counties; one whose brokers are out of reach leaves them to others.
        self.able: Callable[[], bool] = lambda: True
        self.on_change: Callable[[Change], None] = lambda _change: None
        self.trouble: str | None = None
        self.out_of_room = False
        self.dropped = 0
        self._committer = committer
        self._memory = memory
        self._registry = registry
        self._publish = publish
        self._now = now
        self._clock = clock
        self._by = by
        self._city = city
        self._monotonic = monotonic
        self._beat_at = monotonic()
        self._arrivals: dict[Lane, deque[Arrival]] = {"live": deque(), "backlog": deque()}
        self._read = Turns()
        self._unread_bytes = 0
        self._ahead_bytes = 0
        self._reading = 0
        self._admission_due = False
        self._admission = Progress([])
        self._stopping = False
        self._readable = asyncio.Event()
        self._settleable = asyncio.Event()

    @property
    def waiting_bytes(self) -> int:
        """Bytes that were received and not yet settled."""
        return self._unread_bytes + self._ahead_bytes

    def receive(self, lane: Lane, topic: str, payload: bytes) -> None:
        """A payload arrived."""
        if self._stopping or self.waiting_bytes >= QUEUE_BYTES:
            self.dropped += 1
            return
        township = topics.writer(topic)
        if not self._committer.covers(township):
            return
        self._unread_bytes += len(payload)
        self._arrivals[lane].append(Arrival(lane, township, payload, self._now()))
        self._readable.set()

    def admit(self) -> None:
        """The registry changed: let held rows count whose window it knows now."""
        self._admission_due = True
        self._settleable.set()

    def stop(self) -> None:
        """Take nothing more; `run` returns when all that was taken is settled."""
        self._stopping = True
        self._readable.set()
        self._settleable.set()

    async def run(self) -> None:
        """Work until stopped and drained, or cancelled."""
        with ThreadPoolExecutor(READERS, thread_name_prefix="read") as pool:
            async with asyncio.TaskGroup() as tasks:
                for number in range(READERS):
                    tasks.create_task(self._read_on(pool), name=f"reader {number}")
                tasks.create_task(self._settle_on(), name="committer")

    # Reading

    async def _read_on(self, pool: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            chunk = self._take_chunk()
            if chunk:
                self._reading += 1
                known = self._registry(), self._memory.batches, self._city
                reading = await loop.run_in_executor(pool, read, chunk, *known)
                self._reading -= 1
                self._unread_bytes -= reading.payload_bytes
                self._hand_over(chunk[0].lane, reading)
            elif self._stopping and not self._unread:
                self._settleable.set()
                return
            else:
                self._readable.clear()
                await self._readable.wait()

    @property
    def _unread(self) -> bool:
        return any(self._arrivals.values())

    def _take_chunk(self) -> list[Arrival]:
        """The next payloads of one lane for one thread, live ones first; none while the committer is far behind."""
        chunk: list[Arrival] = []
        size = 0
        live = self._arrivals["live"]
        waiting = live or self._arrivals["backlog"]
        # What is read of the backlog leaves room for live ratings to be read beside it.
        if self._ahead_bytes >= (AHEAD_BYTES if live else AHEAD_BYTES // 2):
            return chunk
        most = CHUNK_BYTES if live else BACKLOG_CHUNK_BYTES
        while waiting and size < most and len(chunk) < CHUNK_PAYLOADS:
            chunk.append(waiting.popleft())
            size += len(chunk[-1].payload)
        return chunk

    def _hand_over(self, lane: Lane, reading: Reading) -> None:
        self._ahead_bytes += reading.kept_bytes
        self._read.put(lane, reading)
        if reading.words:
            self.on_words(reading.words)
        if reading.seals:
            self.on_seals(reading.seals)
        self._settleable.set()

    # Settling

    async def _settle_on(self) -> None:
        while True:
            await self._until_available(_nothing_else)
            await self._admit()
            if self._read:
                lane, group = self._read.take()
                began = self._monotonic()
                outcome = await self._until_available(partial(self._settle, group))
                self._read.took(lane, group.rows, self._monotonic() - began)
                self._ahead_bytes -= group.kept_bytes
                self._readable.set()
                self._answer(outcome)
            elif self._stopping and not self._reading and not self._unread:
                return
            elif not (self._admission_due or self._admission.windows):
                self._settleable.clear()
                await self._until_settleable()

    async def _admit(self) -> None:
        """Go one step on with what the registry lets count now: ratings that arrive do not wait for all of it."""
        if self._admission_due:
            self._admission_due = False
            self._admission = await self._until_available(lambda: self._committer.waiting(self._registry()))
        if self._admission.windows:
            self._admission = await self._until_available(
                lambda: self._committer.admit(self._registry(), self._admission, self._tell)
            )

    async def _until_settleable(self) -> None:
        try:
            async with asyncio.timeout(self._beat_at - self._monotonic()):
                await self._settleable.wait()
        except TimeoutError:
            return

    async def _renew(self) -> None:
        """Renew the charge, if it is time. By the one task that commits, so never in the middle of a commit."""
        if self._monotonic() < self._beat_at:
            return
        change = await self._committer.renew(able=self.able())
        self._beat_at = self._monotonic() + BEAT_S
        if change.gained or change.lost or change.anew:
            self._admission_due |= bool(change.gained)
            self.on_change(change)

    async def _settle(self, group: Reading) -> Outcome:
        """Settle what is still in this process's charge; the rest is sent again, to whom it belongs to now."""
        return await self._committer.settle(group.within(self._committer.covers), self._registry())

    async def _until_available(self, attempt: Callable[[], Awaitable[T]]) -> T:
        pause_s = FIRST_RETRY_S
        while True:
            try:
                await self._renew()
                done = await attempt()
            except Unavailable as trouble:
                if self.trouble is None:
                    logger.error("nothing is acknowledged until this is over: %s", trouble)  # noqa: TRY400
                self.trouble = str(trouble)
                self.out_of_room = isinstance(trouble, OutOfRoom)
                # The charge may be what was lost: it is seen to before anything else is tried.
                self._beat_at = self._monotonic()
                await asyncio.sleep(pause_s)
                pause_s = min(LAST_RETRY_S, 2 * pause_s)
            else:
                if self.trouble is not None:
                    logger.info("the database takes commits again")
                self.trouble = None
                self.out_of_room = False
                return done

    def _answer(self, outcome: Outcome) -> None:
        for hello, lane, standing in outcome.greeted if self.welcoming() else ():
            welcome = welcome_to(hello, standing, self._by(), self._clock())
            self._say(township_of(hello.node), lane, pack([encode(welcome)]))
            for stream, numbers in standing.items():
                self.on_asked(stream, numbers)
        for township, lane, payload in outcome.answers.payloads():
            self._say(township, lane, payload)
        for stream, numbers in outcome.grown.items():
            self.on_settled(stream, numbers)
        if outcome.commit is not None:
            self._tell(outcome.commit)

    def _say(self, township: str, lane: Lane, payload: bytes) -> None:
        if township:
            self._publish(lane, topics.township(township, "acks"), payload)

    def _tell(self, commit: Commit) -> None:
        for listener in self.listeners:
            listener(commit)


async def _nothing_else() -> None:
    """Between two groups the charge is all that may be due."""
