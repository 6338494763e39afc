"""One group of arrivals into the database: fold, one transaction, and only then memory and answers.

The order is law 1. Everything the group brings, quarantine included, is in that transaction; whatever fails in it
leaves neither an answer nor a trace in memory, and the group is simply tried again.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import Calendar
from cloud.database import Database, unavailable
from cloud.ingest.answers import Answers
from cloud.ingest.charge import Change, Charge
from cloud.ingest.reading import Reading
from cloud.ledger import admission, follower, store
from cloud.ledger.admission import Progress
from cloud.ledger.commit import Commit
from cloud.ledger.memory import Memory
from cloud.ledger.rules import Conflict, Fold, Lane, Pair
from cloud.quarantine import store as quarantine
from cloud.quarantine.rules import Poison, poison
from cloud.registry.snapshot import Registry
from cloud.tallies import store as tallies
from contract.batch import Batch, StreamKey
from contract.errors import Reason, Unavailable
from contract.hello import Hello
from contract.identity import township_of
from contract.ranges import Ranges
from transport.steps import passed


@dataclass(slots=True)
class Outcome:
    """What a settled group leads to.

    `commit` is None when nothing was written. `grown`: streams whose numbers grew, with all of them. `greeted`: the
    gateways' hellos, with the numbers in the ledger of the streams each named.
    """

    answers: Answers
    commit: Commit | None = None
    grown: dict[StreamKey, Ranges] = field(default_factory=dict)
    greeted: list[tuple[Hello, Lane, dict[StreamKey, Ranges]]] = field(default_factory=list)


class Committer:
    """The only writer of ledger, tallies and quarantine for what is in its `charge`.

    Not to be called twice at a time.
    """

    def __init__(
        self,
        database: Database,
        memory: Memory,
        charge: Charge,
        *,
        now: Callable[[], int],
        calendar: Calendar,
        future_ms: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        """`now`: the city's time, ms; `calendar`: days and hours; `monotonic`: seconds of any steady clock.

        Rows that lie more than `future_ms()` ahead do not count.
        """
        self._database = database
        self._memory = memory
        self._charge = charge
        self._monotonic = monotonic
        self._now = now
        self._calendar = calendar
        self._future_ms = future_ms
        # The newest commit's number, where nobody else commits; None: not known, or in doubt.
        self._commits: int | None = None

    async def settle(self, reading: Reading, registry: Registry) -> Outcome:
        """Commit what was read. Raises `Unavailable`, and then nothing has happened."""
        try:
            with unavailable():
                return await self._settle(reading, registry)
        except BaseException:
            # Also when cancelled: whether the commit reached the disk is not known.
            self._doubt()
            raise

    def covers(self, township: str) -> bool:
        """Whether `township` is in its charge."""
        return self._charge.covers(township)

    def _doubt(self) -> None:
        self._memory.forget()
        self._commits = None

    async def renew(self, *, able: bool) -> Change:
        """Renew the charge. What came to it may have been another's: nothing that is remembered of it holds.

        Raises `Unavailable`.
        """
        change = await self._charge.renew(able=able)
        if change.gained or change.anew:
            self._doubt()
        return change

    async def _settle(self, reading: Reading, registry: Registry) -> Outcome:
        known = await self._memory.standing({verified.numbers.stream for verified in reading.batches})
        stored = await self._stored(reading, known)
        fold = Fold(known, stored, registry.has_window, now=self._now(), future_ms=self._future_ms())
        agreed = [fold.take(verified) for verified in reading.batches]
        poisons = [*reading.poisons, *map(_conflict_poison, fold.conflicts)]
        commit = await self._write(reading, fold, poisons)
        grown = {stream: fold.known[stream] for stream in {entry.numbers.stream for entry in fold.entries}}
        self._memory.committed(grown, [*fold.entries, *fold.repeats])
        if commit is not None:
            first = commit.position - len(fold.entries) + 1
            passed("settled", (entry.numbers for entry in fold.entries), position=first)
        outcome = Outcome(_answers(reading, agreed), commit, grown)
        greeted = [(hello, lane, _asked(hello)) for hello, _, lane in reading.hellos if hello.node in registry.gateways]
        # All in one question: when the line is back all gateways ask at once.
        standing = await self._memory.standing(chain.from_iterable(asked for *_, asked in greeted))
        for hello, lane, asked in greeted:
            outcome.greeted.append((hello, lane, {stream: standing[stream] for stream in asked}))
        return outcome

    async def _stored(self, reading: Reading, known: dict[StreamKey, Ranges]) -> dict[StreamKey, list[Batch]]:
        """What the ledger holds where a batch gives numbers that are known, to be compared."""
        touching: dict[StreamKey, list[Pair]] = {}
        for stream, first, last in (verified.numbers for verified in reading.batches):
            if known[stream].touches(first, last):
                touching.setdefault(stream, []).append((first, last))
        if not touching:
            return {}
        found: dict[StreamKey, dict[int, Batch]] = {}
        async with self._database.reader.connect() as connection:
            for stream, pairs in touching.items():
                for first, last in Ranges(pairs):
                    found.setdefault(stream, {}).update(await store.overlapping(connection, stream, first, last))
        return {stream: [batches[position] for position in sorted(batches)] for stream, batches in found.items()}

    async def _write(self, reading: Reading, fold: Fold, poisons: list[Poison]) -> Commit | None:
        if not (fold.entries or poisons or reading.hellos):
            return None
        at, began, head = self._now(), self._monotonic(), None
        async with self._database.writer.begin() as connection:
            await self._charge.confirm(connection)
            if fold.entries or poisons:
                head = await self._append(connection, [store.entry_of(v, at) for v in fold.entries])
                first = head.position - len(fold.entries) + 1
                await store.hold(connection, fold.held, first)
                await store.bound(connection, fold.entries, first)
                await tallies.add(connection, fold.cells, self._calendar)
                await tallies.add_estimated(connection, fold.estimated)
                if poisons:
                    await quarantine.keep(connection, poisons, at)
                if self._database.shared:
                    await follower.publish(connection, _commit(fold, poisons, head, self._now()))
            await store.greet(connection, ((hello, raw) for hello, raw, _ in reading.hellos), at)
        return None if head is None else self._committed(_commit(fold, poisons, head, self._now()), began)

    async def _append(self, connection: AsyncConnection, entries: list[store.Entry]) -> store.Head:
        """Append at the next positions. Whoever is alone must be the one who committed last: else memory is stale."""
        head = await store.append(connection, entries)
        alone = not self._database.shared
        if alone and self._commits is not None and head.commits != self._commits + 1:
            raise Unavailable(f"ledger: commit {head.commits - 1} was made by somebody else")
        return head

    def _committed(self, commit: Commit, began: float) -> Commit:
        self._commits = commit.number
        return dataclasses.replace(commit, seconds=self._monotonic() - began)

    async def waiting(self, registry: Registry) -> Progress:
        """Where to begin with letting rows count whose window is registered by now. Raises `Unavailable`."""
        with unavailable():
            async with self._database.reader.connect() as connection:
                return Progress(await admission.waiting_windows(connection, registry))

    async def admit(self, registry: Registry, progress: Progress, committed: Callable[[Commit], None]) -> Progress:
        """Let the next few rows count, if they may; how far it is then. `committed` is told of the commit.

        Raises `Unavailable`.
        """
        window = progress.windows[0]
        if not self._charge.covers(township_of(window)):
            return progress.beyond(None)
        try:
            with unavailable():
                async with self._database.reader.connect() as connection:
                    found, after = await admission.look(connection, registry, window, progress.after)
                if found.rows:
                    committed(await self._admit(found))
        except BaseException:
            self._doubt()
            raise
        return progress.beyond(after)

    async def _admit(self, found: admission.Admission) -> Commit:
        at, began = self._now(), self._monotonic()
        async with self._database.writer.begin() as connection:
            await self._charge.confirm(connection)
            head = await self._append(connection, [found.entry(at)])
            await admission.admit(connection, found.rows, head.position)
            await tallies.add(connection, found.cells, self._calendar)
            await tallies.add_estimated(connection, found.estimated)
            held = {Reason.UNKNOWN_WINDOW: -len(found.rows)}
            commit = Commit(
                *(head.commits, head.position, at, found.cells, (), (), 0, -len(found.rows)),
                held=held,
                estimated=found.estimated,
            )
            if self._database.shared:
                await follower.publish(connection, commit)
        return self._committed(commit, began)


def _commit(fold: Fold, poisons: list[Poison], head: store.Head, at: int) -> Commit:
    return Commit(
        number=head.commits,
        position=head.position,
        at=at,
        cells=fold.cells,
        newest=fold.newest(),
        delays=[max(0, at - pressed) for pressed in fold.live],
        quarantined=len(poisons),
        uncounted=len(fold.held),
        reasons=Counter(bad.reason for bad in poisons),
        held=Counter(row.reason for row in fold.held),
        estimated=fold.estimated,
    )


def _asked(hello: Hello) -> list[StreamKey]:
    """The streams that a gateway may ask about: its township's."""
    return [stream.key for stream in hello.streams if township_of(stream.node) == township_of(hello.node)]


def _conflict_poison(conflict: Conflict) -> Poison:
    verified = conflict.verified
    return poison(verified.township, verified.batch.node, Reason.CONFLICT, conflict.detail, verified.raw)


def _answers(reading: Reading, agreed: list[bool]) -> Answers:
    answers = Answers()
    for township, lane, numbers in reading.again:
        answers.settled(township, lane, *numbers)
    for verified, good in zip(reading.batches, agreed, strict=True):
        stream, first, last = verified.numbers
        if good:
            answers.settled(verified.township, verified.lane, stream, first, last)
        else:
            answers.refused(verified.township, verified.lane, stream, (first, last), Reason.CONFLICT)
    for township, lane, refusal in reading.unreadable:
        answers.unreadable(township, lane, refusal)
    return answers
