"""Feeding InfluxDB from the ledger, by position: whatever happens to either, it goes on where it was.

A page goes to InfluxDB first and the cursor moves after it, so a page may be written twice and is never left out;
points are such that writing one twice changes nothing. While one page is on its way the next one is read, and no more
than these two are held: an InfluxDB that is away delays charts and takes no memory.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from cloud.calendar import Calendar
from cloud.database import Database, unavailable
from cloud.ledger import pages
from cloud.ledger.following import Following, Pace
from cloud.ledger.pages import Streams
from cloud.series import anew, store
from cloud.series.influx import Influx
from cloud.series.lines import DAILY, FOREVER, HOURLY, RAW, floor_of, sum_lines
from cloud.series.page import Page, Touched, page_of, touched
from cloud.series.sums import write_sums

logger = logging.getLogger(__name__)

# Commits of so long go together; it is what a chart is behind by.
PACE_S = 1.0
# Somebody else's commits are seen after so long even where nobody tells of them.
LOOK_S = 5.0
FIRST_RETRY_S = 0.5
LAST_RETRY_S = 15.0

# Entries decoded at a time: some three milliseconds at ten ratings each.
SLICE = 100

# Up to which position the series is fed, and the ledger's head.
Tell = Callable[[int, int], None]


class Rolled(NamedTuple):
    """Sums by hour and day that are right for entries up to `until`, if what is fed is fed from `start` on by us alone.

    Where somebody else is met on the way, the series may have been started over since.
    """

    start: int
    until: int


class Feeder(Following):
    """Follows the ledger of `database` into `influx`, as long as `may_feed()` says so.

    `now` is the city's time in ms. `rejected`: lines that InfluxDB refused for good (they are in `series_reject`);
    `skipped`: ratings older than what is kept one by one; both since the start.
    """

    def __init__(
        self,
        database: Database,
        influx: Influx,
        *,
        calendar: Calendar,
        now: Callable[[], int],
        may_feed: Callable[[], bool] = lambda: True,
        pace_s: float = PACE_S,
    ) -> None:
        """Feed at most every `pace_s`."""
        pace = Pace(pace_s, LOOK_S, FIRST_RETRY_S, LAST_RETRY_S)
        super().__init__(pace, stopped="the series is not fed", resumed="the series is fed again")
        self.rejected = 0
        self.skipped = 0
        self._database = database
        self._influx = influx
        self._calendar = calendar
        self._now = now
        self._may_feed = may_feed
        self._fed = 0
        self._streams = Streams()
        self._prepared = False
        # Sums that were written with a page that has not moved the cursor.
        self._doubtful: Touched | None = None

    @property
    def fed(self) -> int:
        """Up to which ledger position this process has fed the series."""
        return max(0, self._fed)

    @property
    def behind(self) -> int:
        """How many ledger positions are not in the series yet; 0 in a process that does not feed."""
        return max(0, self.head - self.fed) if self._may_feed() else 0

    async def catch_up(self) -> None:
        """Feed while that is this process's duty, and make sure of the last sums even when it is not any more."""
        if self._may_feed() or self._doubtful:
            await self.feed()

    async def feed(self, tell: Tell = lambda _fed, _head: None, *, rolled: Rolled | None = None) -> None:
        """Feed everything up to the ledger's head; `tell` hears of each page, whose sums are written but for `rolled`.

        Where a rebuild was cut off as it dropped the series, that is done first. Raises `Unavailable`, and then goes on
        the next time where it was.
        """
        try:
            await self._follow(tell, rolled)
        except BaseException:
            # What was read and not written will be read again.
            self._streams = Streams()
            self._prepared = False
            raise

    async def _follow(self, tell: Tell, rolled: Rolled | None) -> None:
        if not self._prepared:
            await self._influx.prepare()
            self._prepared = True
        await self._make_sure()
        if not self._may_feed():
            return
        with unavailable():
            async with self._database.reader.begin() as connection:
                cursor = await store.cursor(connection)
        if cursor == anew.BEING_DROPPED:
            logger.info("the series is being started over")
            cursor = await anew.start_over(self._database, self._influx)
        if cursor != self._fed:
            self._fed, self._streams = cursor, Streams()
        until = rolled.until if rolled is not None and rolled.start == cursor else 0
        page = await self._read(cursor)
        while page is not None and self._may_feed():
            # The group waits for the reading also when the writing fails, and the other way round.
            try:
                async with asyncio.TaskGroup() as tasks:
                    ahead = tasks.create_task(self._read(page.until), name="read ahead")
                    moved = await self._write(page, roll=page.until > until)
            except ExceptionGroup as failed:
                raise failed.exceptions[0] from failed
            if not moved:
                # Somebody else feeds, or a rebuild has begun: look where the cursor is now.
                self._streams = Streams()
                await self._make_sure()
                return
            self._fed = page.until
            tell(self._fed, self.head)
            page = ahead.result()

    async def _read(self, after: int) -> Page | None:
        with unavailable():
            async with self._database.reader.begin() as connection:
                self.head = max(self.head, await pages.head(connection))
                found = await pages.following(connection, after, self._streams)
        if found is None:
            return None
        until, rows = found
        # In slices on the loop: a thread that computes makes every step of the writing wait for its turn, 5 ms each.
        page = Page(after, until, [], [], 0)
        for begin in range(0, len(rows), SLICE):
            part = page_of(after, until, rows[begin : begin + SLICE], floor_of(self._now()))
            page.rated.extend(part.rated)
            page.lines.extend(part.lines)
            page = page._replace(skipped=page.skipped + part.skipped)
            await asyncio.sleep(0)
        # Points of one series side by side cost InfluxDB up to a third less, and sorting them a fiftieth of that.
        page.lines.sort()
        return page

    async def _write(self, page: Page, *, roll: bool) -> bool:
        """Write `page` and move the cursor; False when it was not where the page begins, or is not ours to move."""
        rejects = await self._influx.write(RAW, page.lines)
        if roll and page.rated:
            cells = await asyncio.to_thread(touched, page.rated, self._calendar)
            if not self._may_feed():
                return False
            # Whoever moves the cursor instead of us may have written later sums than these before them.
            self._doubtful = cells
            rejects += await self._influx.write(FOREVER, await self._sums(cells))
        with unavailable():
            async with self._database.writer.begin() as connection:
                moved = await store.settle(connection, page, rejects, self._now())
        if moved:
            self._doubtful = None
            self.skipped += page.skipped
            self.rejected += len(rejects)
            if rejects:
                logger.warning("the series refused %d lines, the first: %s", len(rejects), rejects[0].reason)
        return moved

    async def _make_sure(self) -> None:
        if self._doubtful:
            await write_sums(self._influx, partial(self._sums, self._doubtful))
            self._doubtful = None

    async def _sums(self, cells: Touched) -> list[str]:
        """The sums in `cells` as they are in the tallies by now: written again, they are never less."""
        with unavailable():
            async with self._database.reader.begin() as connection:
                hours = await store.hours(connection, cells)
                days = await store.days(connection, cells, self._calendar)
        return [*sum_lines(HOURLY, hours), *sum_lines(DAILY, days)]
