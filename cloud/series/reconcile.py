"""Comparing InfluxDB with the ledger, and putting right what differs.

First by township, in sums by window, level and day; then, where these differ, point by point. After that the sums by
hour and day, with the tallies. The city may run meanwhile: the ledger is read as of the position that the series was
fed to at the beginning, and what has been fed since is not taken for foreign.
"""

from collections.abc import AsyncIterator, Callable, Sequence

from cloud.calendar import Calendar
from cloud.database import Database, unavailable
from cloud.series import store, walk
from cloud.series.anew import check_ledger
from cloud.series.difference import Cells, Difference, Sheet, add, difference, groups, runs, suspects
from cloud.series.influx import Influx
from cloud.series.lines import DAY_MS, NS_A_MS, RATING, Point, floor_of, rating_points
from cloud.series.repair import Account, Name, Repair
from cloud.series.resum import Sums, Tell
from cloud.series.sheets import add_cells, sheet
from contract.errors import SettingsError

DAYS_A_QUERY = 32
# Nothing of InfluxDB's is later (the year 2262).
_END_NS = 9_223_372_036_854_775_806


class Reconciler:
    """Compares `influx` with the ledger of `database`; `now` is the city's time in ms."""

    def __init__(
        self,
        database: Database,
        influx: Influx,
        *,
        calendar: Calendar,
        now: Callable[[], int],
        tell: Tell,
        name: Name,
    ) -> None:
        """`tell` hears how far it is, `name` of every difference before it is put right."""
        self._database = database
        self._influx = influx
        self._calendar = calendar
        self._now = now
        self._tell = tell
        self._account = Account(0)
        self._repair = Repair(database, influx, self._account, now=now, name=name)
        self._there: set[str] = set()

    async def run(self, *, every_point: bool) -> Account:
        """Compare and repair everything; `every_point`: not only where sums differ. For one run of one reconciler.

        What InfluxDB has refused is tried again. Raises `Unavailable`, and `SettingsError` where there is nothing to
        compare with: no ledger, or a series that has not been fed since it was dropped.
        """
        await self._influx.prepare()
        await check_ledger(self._database, self._influx)
        with unavailable():
            async with self._database.reader.begin() as connection:
                position = await store.cursor(connection)
                refused_before = await store.last_reject(connection)
                self._there = set(await walk.townships(connection))
        if position < 0:
            raise SettingsError(
                "a rebuild was cut off before it fed anything: let the city go on with it, or run "
                "`manyi series rebuild` again"
            )
        self._account.position = position
        # The day on which the retention begins is being forgotten.
        floor = self._calendar.end(self._calendar.day(floor_of(self._now())))
        tagged = await self._influx.ask("SHOW TAG VALUES FROM raw.rating WITH KEY = township")
        codes = sorted({*self._there, *(row[1] for rows in tagged for row in rows.values), ""})
        for done, code in enumerate(codes):
            self._tell("compare", done, len(codes))
            await self._township(code, floor, every_point=every_point)
        self._tell("compare", len(codes), len(codes))
        sums = Sums(self._database, self._influx, self._account, calendar=self._calendar, repair=self._repair)
        await sums.run(self._tell)
        # All of it was taken just now, or refused once more, or is too old to be kept.
        with unavailable():
            async with self._database.writer.begin() as connection:
                await store.forget_rejects(connection, refused_before)
        return self._account

    async def _township(self, code: str, floor: int, *, every_point: bool) -> None:
        calendar = self._calendar
        end = calendar.end(calendar.last_days(calendar.day(self._now() + 2 * DAY_MS), 1)[0])
        days = calendar.between(calendar.day(floor), calendar.day(end - 1))
        expected: Cells = {}
        async for points in self._expected(code, floor, end):
            for point in points:
                add(expected, [point], calendar.day(point.stamp // NS_A_MS))
        actual: Cells = {}
        for begin, stop in runs(days, calendar, DAYS_A_QUERY):
            await add_cells(self._influx, code, begin, stop, calendar, actual)
        self._account.cells += len(expected.keys() | actual.keys())
        for group in groups(suspects(expected, actual, all_=every_point)):
            await self._points(code, [(calendar.start(day), calendar.end(day)) for day in group])
        # What no rating can have brought is asked for last, and seldom there.
        later = await sheet(self._influx, RATING, end * NS_A_MS, _END_NS, township=code)
        await self._put_right(difference((), later))

    async def _points(self, code: str, spans: Sequence[tuple[int, int]]) -> None:
        """Compare a township point by point within `spans` (ms)."""
        expected: list[Point] = []
        first, last = spans[0][0], spans[-1][1]
        async for points in self._expected(code, first, last):
            expected.extend(p for p in points if any(b <= p.stamp // NS_A_MS < e for b, e in spans))
        actual: Sheet = {}
        for begin, end in spans:
            actual |= await sheet(self._influx, RATING, begin * NS_A_MS, end * NS_A_MS, township=code)
        self._account.points += len(expected)
        await self._put_right(difference(expected, actual))

    async def _expected(self, code: str, begin: int, end: int) -> AsyncIterator[list[Point]]:
        """A township's ratings from `begin` to before `end` (ms) as points, one run of a node after the other."""
        # Tags of somebody else's points are no townships, whatever they look like.
        if code not in self._there:
            return
        with unavailable():
            async with self._database.reader.begin() as connection:
                async for stream in walk.township(connection, code, self._account.position):
                    yield [
                        point
                        for rows in stream
                        for point in rating_points(rows.entry.batch, rows.indexes)
                        if begin <= point.stamp // NS_A_MS < end
                    ]

    async def _put_right(self, found: Difference) -> None:
        """Put right what differs, but for what was fed since we began."""
        foreign = set(found.foreign)
        if foreign:
            async for rows in walk.behind(self._database, self._account.position):
                for entry, indexes in rows:
                    foreign.difference_update((p.tags, p.stamp) for p in rating_points(entry.batch, indexes))
        found = found._replace(foreign=sorted(foreign))
        if found:
            await self._repair.put_right(RATING, found, self._account.ratings)
