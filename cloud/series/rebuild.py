"""Dropping the series and feeding it again from the ledger's first entry."""

from collections.abc import Callable

from cloud.calendar import MINUTE_MS, Calendar
from cloud.database import Database, unavailable
from cloud.series import store, walk
from cloud.series.feeder import Feeder
from cloud.series.influx import Influx
from cloud.series.lines import DAILY, FOREVER, HOURLY, MEASUREMENTS, sum_lines

# A step, how much of it is done, and of how much.
Tell = Callable[[str, int, int], None]
# Two places before the first entry: whoever feeds from the one has not fed from the other.
_BEING_DROPPED, _DROPPED = -1, -2


async def rebuild(
    database: Database, influx: Influx, *, calendar: Calendar, now: Callable[[], int], tell: Tell
) -> Feeder:
    """Drop the series and feed everything anew; the feeder that did it, with its counts.

    The city may run, and its feeder then shares the work. Cut off at any moment, it is carried on by that feeder.
    Raises `Unavailable`.
    """
    await influx.prepare()
    # What a feeder writes before the drop is fed again after it, wherever its cursor has got to.
    await _place(database, _BEING_DROPPED)
    for measurement in MEASUREMENTS:
        await influx.ask(f"DROP MEASUREMENT {measurement}")
    await _place(database, _DROPPED)
    rolled = await _sums(database, influx, calendar, tell)
    feeder = Feeder(database, influx, calendar=calendar, now=now)

    def fed(position: int, head: int) -> None:
        tell("feed", position, head)

    await feeder.feed(fed, rolled=rolled)
    while feeder.behind:
        await feeder.feed(fed, rolled=rolled)
    return feeder


async def _place(database: Database, position: int) -> None:
    with unavailable():
        async with database.writer.begin() as connection:
            await store.place(connection, position)


async def _sums(database: Database, influx: Influx, calendar: Calendar, tell: Tell) -> int:
    """Write all sums by hour and day from the tallies; up to which position at least they are right."""
    with unavailable():
        async with database.reader.begin() as connection:
            head = await store.head(connection)
            bounds = await walk.tallied(connection)
    if bounds is None:
        return head
    first, last = (calendar.day(bound * MINUTE_MS) for bound in bounds)
    days = calendar.between(first, last)
    for done, day in enumerate(days):
        tell("sums", done, len(days))
        begin = calendar.start(day)
        with unavailable():
            async with database.reader.begin() as connection:
                hours = await walk.hours(connection, begin, calendar.end(day))
                windows = await walk.windows(connection, day, begin)
        await influx.write(FOREVER, [*sum_lines(HOURLY, hours), *sum_lines(DAILY, windows)])
    tell("sums", len(days), len(days))
    return head
