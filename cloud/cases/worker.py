"""Following the ledger by position: a dissatisfied rating opens a case or joins one, and others lift the veil.

A page of the ledger is one transaction with the cursor, so whatever fails is done again from where it was, and nothing
twice. Rows that are held count when they are admitted, and open their case then.
"""

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import MINUTE_MS, Calendar
from cloud.cases import store
from cloud.cases.case import Case, Step
from cloud.cases.deadlines import Terms, terms_of
from cloud.cases.desk import Listener
from cloud.cases.filing import filed
from cloud.cases.policy import Policy
from cloud.cases.sifting import Sifted, sifted
from cloud.database import Database, unavailable
from cloud.hours.rules import Offices
from cloud.ledger import pages
from cloud.ledger.following import Following, Pace
from cloud.ledger.pages import Streams
from contract.veil import full

# Commits of so long go together; somebody is waiting for the alarm.
PACE_S = 0.1
# Somebody else's commits are seen after so long even where nobody tells of them.
LOOK_S = 2.0
FIRST_RETRY_S = 0.5
LAST_RETRY_S = 15.0
# So few that ingest, which commits on the same connection, hardly waits.
ENTRIES_A_PAGE = 250


class Stretch(NamedTuple):
    """What the ledger has behind position `before` up to `until`; `received`: when (ms), by position."""

    before: int
    until: int
    sifted: Sifted
    received: dict[int, int]


class Opener(Following):
    """Follows the ledger of `database`, as long as `may_open()` says so; `now` is the city's time in ms.

    `listeners` hear of every case that was opened, after its commit, as `CaseDesk`'s do.
    """

    def __init__(
        self,
        database: Database,
        *,
        policy: Policy,
        calendar: Calendar,
        offices: Callable[[], Offices],
        now: Callable[[], int],
        may_open: Callable[[], bool] = lambda: True,
        pace_s: float = PACE_S,
    ) -> None:
        """Look at most every `pace_s`."""
        pace = Pace(pace_s, LOOK_S, FIRST_RETRY_S, LAST_RETRY_S)
        super().__init__(pace, stopped="no case is opened", resumed="cases are opened again")
        self.listeners: list[Listener] = []
        self._database = database
        self._policy = policy
        self._calendar = calendar
        self._offices = offices
        self._now = now
        self._may_open = may_open
        self._begun = False
        self._seen = 0
        self._streams = Streams()

    @property
    def behind(self) -> int:
        """How many ledger positions were not looked at yet; 0 in a process that opens no cases."""
        return max(0, self.head - self._seen) if self._may_open() else 0

    async def catch_up(self) -> None:
        """Look at all there is. Raises `Unavailable`, and then goes on the next time where it was."""
        try:
            with unavailable():
                await self._begin()
                while self._may_open() and await self._follow():
                    pass
        except BaseException:
            # What was read and not written will be read again.
            self._streams = Streams()
            raise

    async def _begin(self) -> None:
        """Say from where on cases are opened; whoever has the duty, since ratings may come before anybody has it."""
        if not self._begun:
            async with self._database.writer.begin() as connection:
                await store.begin(connection)
            self._begun = True

    async def _follow(self) -> bool:
        """Look at the next page; False when there is none."""
        async with self._database.reader.begin() as connection:
            stretch = await self._read(connection)
        if stretch is None:
            return False
        async with self._database.writer.begin() as connection:
            moved = await store.move(connection, stretch.before, stretch.until)
            made = await self._take(connection, stretch) if moved else []
        if not moved:
            # Somebody else was here: look where the cursor is now.
            self._streams = Streams()
            return True
        self._seen = stretch.until
        for case, step in made:
            for listener in self.listeners:
                listener(case, step)
        return True

    async def _read(self, connection: AsyncConnection) -> Stretch | None:
        before = await store.cursor(connection)
        self.head = max(self.head, await pages.head(connection))
        if before != self._seen:
            self._seen, self._streams = before, Streams()
        found = await pages.following(connection, before, self._streams, most=ENTRIES_A_PAGE)
        if found is None:
            return None
        until, rows = found
        matter = sifted(rows)
        received = await store.received(connection, (rating.position for rating in matter.dissatisfied))
        return Stretch(before, until, matter, dict(received))

    async def _take(self, connection: AsyncConnection, stretch: Stretch) -> list[tuple[Case, Step]]:
        """Lift veils, and put each dissatisfied rating into its case; the cases that were opened."""
        now, matter = self._now(), stretch.sifted
        more = {window: matter.counts[window] for window in await store.veiled(connection, now) & matter.counts.keys()}
        veil = self._policy.veil
        await store.lift(connection, more, now, veil.others, full(now, veil))
        if more or matter.dissatisfied:
            await store.tell(connection)
        known = await store.known(connection, [one.key for one in matter.dissatisfied])
        fresh = [one for one in matter.dissatisfied if one.key not in known]
        if not fresh:
            return []
        near = self._policy.join_minutes * MINUTE_MS
        since, until = min(one.at for one in fresh) - near, max(one.at for one in fresh) + near
        cases = await store.joinable(connection, {one.window for one in fresh}, since, until)
        last = await store.last(connection)
        filing = filed(fresh, cases, stretch.received, last=last, now=now, policy=self._policy, terms=self._terms)
        await store.put(connection, filing.opened)
        await store.join(connection, filing.joined)
        await store.put_ratings(connection, filing.ratings)
        return filing.opened

    def _terms(self, township: str) -> Terms:
        return terms_of(self._policy, self._calendar, self._offices(), township)
