"""Following the ledger by position: each visit that a gateway tells of, and each rating that carries a token.

A page of the ledger is one transaction with the cursor, so whatever fails is done again from where it was, and nothing
twice.
"""

from collections.abc import Callable, Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import Calendar
from cloud.database import Database, unavailable
from cloud.ledger import pages
from cloud.ledger.counting import Rows
from cloud.ledger.following import Following, Pace
from cloud.ledger.pages import Streams
from cloud.visits import store
from cloud.visits.store import Asked, Cursor, Rated
from contract.identity import counter_of, window_id

# Nobody waits for a share: what comes within so long goes together.
PACE_S = 2.0
LOOK_S = 30.0
FIRST_RETRY_S = 1.0
LAST_RETRY_S = 60.0
# So few that ingest, which commits on the same connection, hardly waits.
ENTRIES_A_PAGE = 250


class VisitFollower(Following):
    """Follows the ledger of `database`, as long as `may_follow()` says so; days are those of `calendar`."""

    def __init__(
        self,
        database: Database,
        *,
        calendar: Calendar,
        may_follow: Callable[[], bool] = lambda: True,
        pace_s: float = PACE_S,
    ) -> None:
        """Look at most every `pace_s`."""
        pace = Pace(pace_s, LOOK_S, FIRST_RETRY_S, LAST_RETRY_S)
        super().__init__(pace, stopped="visits are not counted", resumed="visits are counted again")
        self._database = database
        self._calendar = calendar
        self._may_follow = may_follow
        self._seen = 0
        self._streams = Streams()

    @property
    def behind(self) -> int:
        """How many ledger positions were not looked at yet; 0 in a process that does not follow."""
        return max(0, self.head - self._seen) if self._may_follow() else 0

    async def catch_up(self) -> None:
        """Take in all there is. Raises `Unavailable`, and then goes on the next time where it was."""
        try:
            with unavailable():
                while self._may_follow() and await self._follow():
                    pass
        except BaseException:
            self._streams = Streams()
            raise

    async def _follow(self) -> bool:
        """Take in the next page; False when there is none."""
        async with self._database.reader.begin() as connection:
            before = await store.cursor(connection)
            found = await self._read(connection, before)
        if before.zone != self._calendar.zone:
            return await self._start_over(before)
        if found is None:
            return False
        until, rows = found
        asked, rated = self._told(rows)
        async with self._database.writer.begin() as connection:
            moved = await store.move(connection, before, before._replace(position=until))
            if moved:
                await store.take(connection, asked, rated)
        if moved:
            self._seen = until
        else:
            # Somebody else was here: look where the cursor is now.
            self._streams = Streams()
        return True

    async def _read(self, connection: AsyncConnection, before: Cursor) -> tuple[int, list[Rows]] | None:
        self.head = max(self.head, await pages.head(connection))
        if before.position != self._seen:
            self._seen, self._streams = before.position, Streams()
        return await pages.following(connection, before.position, self._streams, most=ENTRIES_A_PAGE, visits=True)

    async def _start_over(self, before: Cursor) -> bool:
        """Begin at the ledger's first entry: days begin elsewhere."""
        async with self._database.writer.begin() as connection:
            if await store.move(connection, before, Cursor(0, self._calendar.zone)):
                await store.clear(connection)
        return True

    def _told(self, rows: Iterable[Rows]) -> tuple[list[Asked], list[Rated]]:
        """What gateways tell of visits, and the ratings that carry a token."""
        asked: list[Asked] = []
        rated: list[Rated] = []
        for entry, indexes in rows:
            batch = entry.batch
            node = counter_of(batch.node)
            for index in indexes:
                row = batch.rows[index]
                if row.token is None:
                    continue
                at, window = batch.t0 + row.ms, window_id(node, row.window)
                day = self._calendar.day(at)
                if entry.of_visits:
                    asked.append(Asked(node, row.token, window, day, row.item, at, row.level))
                else:
                    number = batch.first + index
                    rated.append(Rated(node, row.token, window, day, row.level, entry.position, number))
        return asked, rated
