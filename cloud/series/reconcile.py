"""Comparing InfluxDB with the ledger, and putting right what differs.

First by township, in sums by window, level and day; then, where these differ, point by point. After that the sums by
hour and day, with the tallies. The city may run meanwhile: the ledger is read as of the position that the series was
fed to at the beginning, and what has been fed since is not taken for foreign.
"""

from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from cloud.calendar import MINUTE_MS, Calendar
from cloud.database import Database, unavailable
from cloud.ledger.rules import BUTTON
from cloud.series import store, walk
from cloud.series.difference import Cells, Difference, Key, Sheet, add, difference, groups, runs, suspects
from cloud.series.influx import Influx
from cloud.series.lines import (
    DAILY,
    DAY_MS,
    HOURLY,
    MEASUREMENTS,
    NS_A_MS,
    RATING,
    Point,
    floor_of,
    line_of,
    rating_points,
    sum_points,
    sum_tags,
)
from cloud.series.page import Rows, touched
from cloud.series.sheets import add_cells, delete, names, sheet
from cloud.series.store import Streams

DAYS_A_QUERY = 32
# A sum can be written by the feeder between our reading and our writing.
ROUNDS = 3
# Nothing of InfluxDB's is later (the year 2262).
_END_NS = 9_223_372_036_854_775_806

# Of a difference: its kind, and which point it is.
Name = Callable[[str, str], None]
# A step, how much of it is done, and of how much.
Tell = Callable[[str, int, int], None]


class Tallied(msgspec.Struct):
    """How many points of a measurement differed; all were put right but the `refused` ones."""

    missing: int = 0
    altered: int = 0
    foreign: int = 0


class Account(msgspec.Struct):
    """What was found, as of ledger `position`: `cells` (tags and day) compared by sums, `points` one by one.

    `refused`: repairs that InfluxDB would not take; they are in `series_reject`, which is not looked for again.
    """

    position: int
    cells: int = 0
    points: int = 0
    ratings: Tallied = msgspec.field(default_factory=Tallied)
    sums: Tallied = msgspec.field(default_factory=Tallied)
    refused: int = 0

    @property
    def equal(self) -> bool:
        """Whether nothing differed."""
        return not any((t.missing, t.altered, t.foreign) != (0, 0, 0) for t in (self.ratings, self.sums))


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
        self._name = name
        self._rejected: set[str] = set()
        self._account = Account(0)

    async def run(self, *, every_point: bool) -> Account:
        """Compare and repair everything; `every_point`: not only where sums differ. Raises `Unavailable`."""
        await self._influx.prepare()
        with unavailable():
            async with self._database.reader.begin() as connection:
                # Below 0 a rebuild has been cut off.
                self._account = Account(max(0, await store.cursor(connection)))
                self._rejected = await store.rejected(connection)
                there = await walk.townships(connection)
        # The day on which the retention begins is being forgotten.
        floor = self._calendar.end(self._calendar.day(floor_of(self._now())))
        tagged = await self._influx.ask("SHOW TAG VALUES FROM raw.rating WITH KEY = township")
        codes = sorted({*there, *(row[1] for rows in tagged for row in rows.values), ""})
        for done, code in enumerate(codes):
            self._tell("compare", done, len(codes))
            await self._township(code, floor, every_point=every_point)
        self._tell("compare", len(codes), len(codes))
        await self._sums()
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
        await self._repair(RATING, await self._settled(difference((), later)), self._account.ratings)

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
        found = difference(expected, actual)
        await self._repair(RATING, await self._settled(found), self._account.ratings)

    async def _expected(self, code: str, begin: int, end: int) -> AsyncIterator[list[Point]]:
        """A township's ratings from `begin` to before `end` (ms) as points, one run of a node after the other."""
        if not code.isdecimal():
            return
        with unavailable():
            async with self._database.reader.begin() as connection:
                async for stream in walk.township(connection, code, self._account.position):
                    yield [
                        point
                        for rows in stream
                        for point in rating_points(rows.entry.batch, rows.indexes, BUTTON)
                        if begin <= point.stamp // NS_A_MS < end
                    ]

    async def _settled(self, found: Difference) -> Difference:
        """`found` without what InfluxDB has refused, and without what was fed since we began."""
        missing = [point for point in found.missing if line_of(RATING, point) not in self._rejected]
        foreign = set(found.foreign)
        if foreign:
            async for rows in self._newer():
                for entry, indexes in rows:
                    foreign.difference_update((p.tags, p.stamp) for p in rating_points(entry.batch, indexes, BUTTON))
        return Difference(missing, found.altered, sorted(foreign))

    async def _newer(self) -> AsyncIterator[list[Rows]]:
        """What entries behind our position brought, up to the head."""
        streams, after = Streams(), self._account.position
        while True:
            with unavailable():
                async with self._database.reader.begin() as connection:
                    found = await store.following(connection, after, streams)
            if found is None:
                return
            after, rows = found
            yield rows

    async def _sums(self) -> None:
        """Compare the sums by hour and day with the tallies, day by day."""
        with unavailable():
            async with self._database.reader.begin() as connection:
                bounds = await walk.tallied(connection)
        moments = [] if bounds is None else [bound * MINUTE_MS for bound in bounds]
        for measurement in (HOURLY, DAILY):
            for end in ("first", "last"):
                found = await self._influx.ask(f"SELECT {end}(basic) FROM forever.{measurement}")  # noqa: S608
                moments.extend(rows.values[0][0] // NS_A_MS for rows in found)
        if not moments:
            return
        days = self._calendar.between(self._calendar.day(min(moments)), self._calendar.day(max(moments)))
        for done, day in enumerate(days):
            self._tell("sums", done, len(days))
            for measurement in (HOURLY, DAILY):
                await self._day(measurement, day)
        self._tell("sums", len(days), len(days))

    async def _day(self, measurement: str, day: str) -> None:
        for turn in range(ROUNDS):
            found = await self._differing(measurement, day)
            if not found:
                return
            # What is still there after a repair was counted before it.
            await self._repair(measurement, found, self._account.sums if turn == 0 else Tallied(), named=turn == 0)

    async def _differing(self, measurement: str, day: str) -> Difference:
        begin, end = self._calendar.start(day), self._calendar.end(day)
        actual = await sheet(self._influx, measurement, begin * NS_A_MS, end * NS_A_MS)
        with unavailable():
            async with self._database.reader.begin() as connection:
                if measurement == HOURLY:
                    rows = await walk.hours(connection, begin, end)
                else:
                    rows = await walk.windows(connection, day, begin)
        found = difference(sum_points(measurement, rows), actual)
        return found and await self._fed(measurement, found)

    async def _fed(self, measurement: str, found: Difference) -> Difference:
        """`found` without what was refused, and the sums that the feeder is about to write for what is behind us."""
        coming: set[Key] = set()
        async for rows in self._newer():
            cells = touched(((entry.batch, indexes) for entry, indexes in rows), self._calendar)
            if measurement == HOURLY:
                coming |= {
                    (sum_tags(HOURLY, place, BUTTON), hour * MINUTE_MS * NS_A_MS)
                    for hour, places in cells.hours.items()
                    for place in places
                }
            else:
                coming |= {
                    (sum_tags(DAILY, window, BUTTON), self._calendar.start(day) * NS_A_MS)
                    for day, windows in cells.days.items()
                    for window in windows
                }
        missing = [point for point in found.missing if line_of(measurement, point) not in self._rejected]
        return Difference(
            [point for point in missing if (point.tags, point.stamp) not in coming],
            [point for point in found.altered if (point.tags, point.stamp) not in coming],
            [key for key in found.foreign if key not in coming],
        )

    async def _repair(self, measurement: str, found: Difference, counts: Tallied, *, named: bool = True) -> None:
        """Write what is missing or altered, delete what is foreign."""
        if not found:
            return
        if named:
            for kind, point in names(measurement, found):
                self._name(kind, point)
        counts.missing += len(found.missing)
        counts.altered += len(found.altered)
        counts.foreign += len(found.foreign)
        lines = [line_of(measurement, point) for point in (*found.missing, *found.altered)]
        rejects = await self._influx.write(MEASUREMENTS[measurement], lines)
        if rejects:
            self._account.refused += len(rejects)
            with unavailable():
                async with self._database.writer.begin() as connection:
                    await store.reject(connection, rejects, self._now())
        await delete(self._influx, measurement, found.foreign)
