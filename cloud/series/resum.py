"""Comparing the sums by hour and day in InfluxDB with the tallies, day by day, and putting right what differs."""

from collections.abc import Callable
from functools import partial

from cloud.calendar import MINUTE_MS, Calendar
from cloud.database import Database, unavailable
from cloud.series import sheets, walk
from cloud.series.difference import Difference, Key, difference
from cloud.series.influx import Influx
from cloud.series.lines import DAILY, HOURLY, NS_A_MS, Point, line_of, sum_points, sum_tags
from cloud.series.page import touched
from cloud.series.repair import Account, Repair
from cloud.series.sums import write_sums
from contract.identity import CHANNELS

# A step, how much of it is done, and of how much.
Tell = Callable[[str, int, int], None]


class Sums:
    """Compares the sums in `influx` with the tallies in `database`, but for what the feeder has still to bring.

    That is what entries behind `account.position` have touched.
    """

    def __init__(
        self, database: Database, influx: Influx, account: Account, *, calendar: Calendar, repair: Repair
    ) -> None:
        self._database = database
        self._influx = influx
        self._account = account
        self._calendar = calendar
        self._repair = repair

    async def run(self, tell: Tell) -> None:
        """Compare and repair every day that has a sum on either side; raises `Unavailable`."""
        with unavailable():
            async with self._database.reader.begin() as connection:
                found = await walk.days(connection, self._calendar)
        for measurement in (HOURLY, DAILY):
            found |= await sheets.days(self._influx, measurement, self._calendar)
        days = sorted(found)
        for done, day in enumerate(days):
            tell("sums", done, len(days))
            for measurement in (HOURLY, DAILY):
                await self._day(measurement, day)
        tell("sums", len(days), len(days))

    async def _day(self, measurement: str, day: str) -> None:
        begin, end = self._calendar.start(day), self._calendar.end(day)
        actual = await sheets.sheet(self._influx, measurement, begin * NS_A_MS, end * NS_A_MS)
        found = difference(await self._tallied(measurement, day), actual)
        if found:
            found = await self._uncoming(measurement, found)
        if not found:
            return
        written = await self._repair.put_right(measurement, found, self._account.sums)
        # The feeder may have written any of them between our reading and our writing, and a foreign one may be no more.
        ours = {(point.tags, point.stamp) for point in (*found.missing, *found.altered)} | set(found.foreign)
        again = await write_sums(self._influx, partial(self._lines, measurement, day, ours), written)
        await self._repair.refuse(again)

    async def _tallied(self, measurement: str, day: str) -> list[Point]:
        begin, end = self._calendar.start(day), self._calendar.end(day)
        with unavailable():
            async with self._database.reader.begin() as connection:
                if measurement == HOURLY:
                    rows = await walk.hours(connection, begin, end)
                else:
                    rows = await walk.windows(connection, day, begin)
        return list(sum_points(measurement, rows))

    async def _lines(self, measurement: str, day: str, keys: set[Key]) -> list[str]:
        """The lines of the sums at `keys` as they are in the tallies by now."""
        points = await self._tallied(measurement, day)
        return [line_of(measurement, point) for point in points if (point.tags, point.stamp) in keys]

    async def _uncoming(self, measurement: str, found: Difference) -> Difference:
        """`found` without the sums that the feeder is about to write for what is behind us."""
        coming: set[Key] = set()
        async for rows in walk.behind(self._database, self._account.position):
            cells = touched(((entry.batch, indexes) for entry, indexes in rows), self._calendar)
            if measurement == HOURLY:
                coming |= {
                    (sum_tags(HOURLY, place, channel), hour * MINUTE_MS * NS_A_MS)
                    for hour, places in cells.hours.items()
                    for place in places
                    for channel in CHANNELS
                }
            else:
                coming |= {
                    (sum_tags(DAILY, window, channel), self._calendar.start(day) * NS_A_MS)
                    for day, windows in cells.days.items()
                    for window in windows
                    for channel in CHANNELS
                }
        return Difference(
            [point for point in found.missing if (point.tags, point.stamp) not in coming],
            [point for point in found.altered if (point.tags, point.stamp) not in coming],
            [key for key in found.foreign if key not in coming],
        )
