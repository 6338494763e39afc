"""Following the ledger by position, seeing what may be seen of it, and judging whatever that changes.

Two steps, each resumed where it was cut off. What is seen of a node's day is kept (`misuse_day`) with the cursor in one
transaction; a node with something new is due to be judged from that day on. Judging makes the flags of these days
anew and replaces those that differ. So nothing depends on the order in which ratings come, and nothing waits for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple, Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import Calendar
from cloud.database import Database, unavailable
from cloud.hours.rules import Offices
from cloud.ledger import pages
from cloud.ledger.counting import Rows
from cloud.ledger.following import Following, Pace
from cloud.ledger.pages import Streams
from cloud.misuse import store
from cloud.misuse.diary import Diary
from cloud.misuse.policy import LOOKBACK_DAYS, Policy
from cloud.misuse.rules import Flag, flagged, judge
from cloud.misuse.sight import FORMAT, Seen, seen, visits
from cloud.misuse.store import Cursor, Day, Due, Key
from cloud.registry.snapshot import Registry
from contract.identity import counter_of, node_of, township_of, window_id

logger = logging.getLogger(__name__)

# Nobody waits for a flag: what comes within so long is written and judged together.
PACE_S = 15.0
LOOK_S = 60.0
FIRST_RETRY_S = 1.0
LAST_RETRY_S = 60.0
# So few that ingest, which commits on the same connection, hardly waits: some 20 ms on SQLite.
ENTRIES_A_PAGE = 250
NODES_A_PAGE = 20
# What a node's day is kept in at most; more are put together when it is judged.
MOST_PARTS = 16
# Of the time, where ingest works on the same loop.
BESIDE_INGEST = 0.2

# What is done, how much of it, and of how much.
Tell = Callable[[str, int, int], None]


class Tally(Protocol):
    """What counts the flagged ratings, which takes looking at what the filter never sees."""

    async def recount(
        self, connection: AsyncConnection, node: str, span: tuple[int, int], flagged: Iterable[tuple[str, int, int]], /
    ) -> None:
        """Count the `flagged` numbers (epoch, first, last) of `node` in `span` (ms) in place of those before."""
        ...

    async def clear(self, connection: AsyncConnection, /) -> None:
        """Count none."""
        ...


class Outcome(NamedTuple):
    """What a node that was `due` is found to have on the days on which that differs from what is kept.

    `scattered`: its days that are kept in too many parts.
    """

    due: Due
    changed: Mapping[str, Sequence[Flag]]
    scattered: Mapping[str, Day]


class Filter(Following):
    """Follows the ledger of `database`, as long as `may_judge()` says so.

    `now` is the city's time in ms. `tally` is told of what is flagged in the transaction that flags it.
    """

    def __init__(
        self,
        database: Database,
        tally: Tally,
        *,
        policy: Policy,
        calendar: Calendar,
        offices: Callable[[], Offices],
        registry: Callable[[], Registry],
        now: Callable[[], int],
        may_judge: Callable[[], bool] = lambda: True,
        pace_s: float = PACE_S,
        share: float = 1.0,
    ) -> None:
        """Look at most every `pace_s`, and take no more than `share` of the time for it."""
        pace = Pace(pace_s, LOOK_S, FIRST_RETRY_S, LAST_RETRY_S)
        super().__init__(pace, stopped="misuse is not judged", resumed="misuse is judged again")
        self._database = database
        self._tally = tally
        self._policy = policy
        self._calendar = calendar
        self._offices = offices
        self._registry = registry
        self._now = now
        self._may_judge = may_judge
        self._share = share
        self._seen = 0
        self._streams = Streams()
        # By what nodes are judged, as of one registry; made again for another.
        self._bases: dict[str, str] = {}
        self._windows: dict[str, list[str]] = {}
        self._based_on: Registry | None = None

    @property
    def behind(self) -> int:
        """How many ledger positions were not looked at yet; 0 in a process that does not judge."""
        return max(0, self.head - self._seen) if self._may_judge() else 0

    async def catch_up(self, tell: Tell = lambda _step, _done, _total: None) -> None:
        """See and judge all there is. Raises `Unavailable`, and then goes on the next time where it was."""
        try:
            if not self._may_judge():
                return
            with unavailable():
                await self._rebase()
                while self._may_judge() and await self._sparingly(self._see):
                    tell("see", self._seen, max(self.head, self._seen))
                judged = 0
                while self._may_judge() and (count := await self._sparingly(self._judge)):
                    judged += count
                    tell("judge", judged, judged)
        except BaseException:
            self._streams = Streams()
            raise

    async def _sparingly(self, step: Callable[[], Awaitable[int]]) -> int:
        """Take one step, and rest so long that steps take no more than their share of the time."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        done = await step()
        await asyncio.sleep((loop.time() - began) * (1 / self._share - 1))
        return done

    async def _rebase(self) -> None:
        """Have those judged anew, from their first day on, whose hours, windows or policy are others than before."""
        registry = self._registry()
        if registry is self._based_on:
            return
        self._bases.clear()
        self._based_on = registry
        windows: dict[str, list[str]] = {}
        for window in sorted(registry.windows):
            windows.setdefault(node_of(window), []).append(window)
        self._windows = windows
        marks = []
        async with self._database.reader.begin() as connection:
            for node, basis in (await store.bases(connection)).items():
                first = await store.first_day(connection, node) if basis != self._basis(node) else None
                if first is not None:
                    marks.append((node, first, self._basis(node)))
        if marks:
            logger.info("%d nodes are judged anew", len(marks))
            async with self._database.writer.begin() as connection:
                await store.mark(connection, marks)

    def _basis(self, node: str) -> str:
        """A short text that changes with whatever `node` is judged by, beside its ratings."""
        basis = self._bases.get(node)
        if basis is None:
            registry = self._registry()
            parts = (
                self._policy.basis,
                self._offices().basis(township_of(node)),
                [(window, registry.periods(window)) for window in self._windows.get(node, ())],
            )
            basis = self._bases[node] = sha256(msgspec.json.encode(parts)).hexdigest()[:16]
        return basis

    async def _see(self) -> bool:
        """Keep what may be seen of the next entries; False when there are none, and no day has ended."""
        basis = f"{FORMAT} {self._calendar.zone}"
        async with self._database.reader.begin() as connection:
            before = await store.cursor(connection)
            self.head = max(self.head, await pages.head(connection))
            found = (
                await pages.following(connection, before.position, self._streams, most=ENTRIES_A_PAGE, visits=True)
                if before.basis == basis
                else None
            )
            over = self._calendar.later(self._calendar.day(self._now()), -1)
            until, rows = found or (before.position, [])
            fresh = await self._seen_in(rows)
        if before.basis != basis:
            return await self._start_over(before, basis)
        if found is None and over == before.over:
            self._seen = before.position
            return False
        first: dict[str, str] = {}
        for node, day in fresh:
            first[node] = min(day, first.get(node, day))
        async with self._database.writer.begin() as connection:
            if not await store.move(connection, before, Cursor(until, over, basis)):
                self._streams = Streams()
                return True
            await store.keep(connection, fresh, until, self._calendar)
            await store.mark(connection, [(node, day, self._basis(node)) for node, day in sorted(first.items())])
            if before.over and over != before.over:
                # Days that have ended since, or that a clock which was ahead had taken for ended.
                await store.mark_all(connection, self._calendar.later(min(over, before.over), 1))
        self._seen = until
        return True

    async def _start_over(self, before: Cursor, basis: str) -> bool:
        self._streams = Streams()
        async with self._database.writer.begin() as connection:
            if await store.move(connection, before, Cursor(0, "", basis)):
                await store.clear(connection)
                await self._tally.clear(connection)
        return True

    async def _seen_in(self, rows: Iterable[Rows]) -> dict[Key, list[Seen]]:
        """What may be seen of `rows`, by node and day."""
        fresh: dict[Key, list[Seen]] = {}
        for number, (entry, indexes) in enumerate(rows):
            node = counter_of(entry.node) if entry.of_visits else entry.node
            for one in visits(entry.raw) if entry.of_visits else seen(entry.raw, indexes):
                fresh.setdefault((node, self._calendar.day(one.at)), []).append(one)
            if number % 10 == 0:
                await asyncio.sleep(0)
        return fresh

    async def _judge(self) -> int:
        """Judge the next nodes that are due; how many there were."""
        async with self._database.reader.begin() as connection:
            at = await store.cursor(connection)
            if not at.over:
                return 0
            today = self._calendar.later(at.over, 1)
            nodes = await store.due(connection, today, NODES_A_PAGE)
            # Somebody with another registry was here before: by ours they are judged from their first day on.
            strange = [one for one in nodes if one.basis != self._basis(one.node)]
            firsts = [(one.node, await store.first_day(connection, one.node) or one.first) for one in strange]
            found = [await self._judged(connection, one, today) for one in nodes if one not in strange]
        if not nodes:
            return 0
        async with self._database.writer.begin() as connection:
            # The day that is over must be the one judged by, and nothing may have been seen since.
            if not await store.move(connection, at, at):
                return len(nodes)
            await store.mark(connection, [(node, first, self._basis(node)) for node, first in firsts])
            for due, changed, scattered in found:
                await store.gather(connection, due.node, scattered, self._calendar)
                if not await store.judged(connection, due, self._calendar.later(today, 1)):
                    continue
                for day, flags in changed.items():
                    await store.replace(connection, due.node, day, flags)
                    span = self._calendar.start(day), self._calendar.end(day)
                    await self._tally.recount(connection, due.node, span, flagged(flags))
        return len(nodes)

    async def _judged(self, connection: AsyncConnection, due: Due, today: str) -> Outcome:
        node, first, _ = due
        # While today runs it is judged without a look back, which is most of what there is to read.
        since = self._calendar.later(first, -LOOKBACK_DAYS) if first < today else first
        days = await store.days_of(connection, node, since, self._calendar)
        ratings = {day: seen.ratings for day, seen in days.items()}
        before = await store.flags_since(connection, node, first)
        offices, township, registry = self._offices(), township_of(node), self._registry()
        diary = Diary(
            ratings,
            calendar=self._calendar,
            office=lambda day: offices.day(township, day),
            has_window=lambda window, at: registry.has_window(window_id(node, window), at),
        )
        touched = sorted(self._touched(ratings, first, today) | before.keys())
        # In a thread: a stuffed window may have a hundred thousand ratings a day, and the city answers meanwhile.
        flags = await asyncio.to_thread(self._flags, node, touched, diary, today)
        changed = {day: found for day, found in flags.items() if found != before.get(day, [])}
        return Outcome(due, changed, {day: seen for day, seen in days.items() if seen.parts > MOST_PARTS})

    def _flags(self, node: str, days: Iterable[str], diary: Diary, today: str) -> dict[str, Sequence[Flag]]:
        """What `node` is found to have on each of `days`; on one after `today` nothing."""
        return {day: judge(node, day, diary, self._policy, over=day < today) if day <= today else [] for day in days}

    def _touched(self, days: Iterable[str], first: str, today: str) -> set[str]:
        """The days from `first` to `today` to which any of `days` may matter."""
        after = range(LOOKBACK_DAYS + 1)
        return {
            later for day in days for ahead in after if first <= (later := self._calendar.later(day, ahead)) <= today
        }
