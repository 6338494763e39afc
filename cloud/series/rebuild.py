"""Dropping the series and feeding it again from the ledger's first entry."""

from collections.abc import Callable
from functools import partial

from cloud.calendar import Calendar
from cloud.database import Database, unavailable
from cloud.ledger import pages
from cloud.series import anew, store, walk
from cloud.series.feeder import Feeder, Rolled
from cloud.series.influx import Influx
from cloud.series.lines import DAILY, HOURLY, sum_lines
from cloud.series.sums import write_sums

# A step, how much of it is done, and of how much.
Tell = Callable[[str, int, int], None]


async def rebuild(
    database: Database, influx: Influx, *, calendar: Calendar, now: Callable[[], int], tell: Tell
) -> Feeder:
    """Drop the series and feed everything anew; the feeder that did it, with its counts.

    The city may run, and its feeder then shares the work. Cut off at any moment, it is carried on by that feeder.
    Raises `Unavailable`, and `SettingsError` where the ledger is empty and the series is not.
    """
    await influx.prepare()
    await anew.check_ledger(database, influx)
    await anew.begin(database)
    start = await anew.start_over(database, influx)
    feeder = Feeder(database, influx, calendar=calendar, now=now)
    until, refused = await _sums(database, influx, calendar=calendar, now=now, tell=tell)
    feeder.rejected += refused

    def fed(position: int, head: int) -> None:
        tell("feed", position, head)

    await feeder.feed(fed, rolled=Rolled(start, until))
    while feeder.behind:
        await feeder.feed(fed)
    return feeder


async def _sums(
    database: Database, influx: Influx, *, calendar: Calendar, now: Callable[[], int], tell: Tell
) -> tuple[int, int]:
    """Write all sums by hour and day from the tallies: up to which position they are right, and how many are refused.

    Once and for all, instead of those of each page again with it.
    """
    with unavailable():
        async with database.reader.begin() as connection:
            head = await pages.head(connection)
            days = sorted(await walk.days(connection, calendar))
    refused = 0
    for done, day in enumerate(days):
        tell("sums", done, len(days))
        # The city's feeder writes sums, too, and never waits for us.
        rejects = await write_sums(influx, partial(_lines, database, calendar, day))
        refused += len(rejects)
        with unavailable():
            async with database.writer.begin() as connection:
                await store.reject(connection, rejects, now())
    tell("sums", len(days), len(days))
    return head, refused


async def _lines(database: Database, calendar: Calendar, day: str) -> list[str]:
    """The sums of `day` as they are in the tallies by now."""
    begin = calendar.start(day)
    with unavailable():
        async with database.reader.begin() as connection:
            hours = await walk.hours(connection, begin, calendar.end(day))
            windows = await walk.windows(connection, day, begin)
    return [*sum_lines(HOURLY, hours), *sum_lines(DAILY, windows)]
