"""A city that has been counting for weeks: its tallies, as its ledger would have left them."""

from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import text

from cloud.calendar import MINUTE_MS, Calendar
from cloud.database import Database
from proof.scores import Counts, plus

CITY = text("INSERT INTO tally_city VALUES (:minute, :channel, :satisfied, :basic, :dissatisfied)")
DAY = text("INSERT INTO tally_day VALUES (:day, :window, 'button', :satisfied, :basic, :dissatisfied)")
_NOTHING: Counts = (0, 0, 0)
_LEVELS = ("satisfied", "basic", "dissatisfied")


async def tally(database: Database, calendar: Calendar, ratings: Mapping[str, Mapping[int, Counts]]) -> None:
    """Write the counts by window and minute number: of the city by minute, on two channels, of each window by day."""
    minutes: defaultdict[int, Counts] = defaultdict(lambda: _NOTHING)
    days: defaultdict[tuple[str, str], Counts] = defaultdict(lambda: _NOTHING)
    for window, counts in ratings.items():
        for minute, n in counts.items():
            key = calendar.day(minute * MINUTE_MS), window
            minutes[minute] = plus(minutes[minute], n)
            days[key] = plus(days[key], n)
    city = [
        {"minute": minute, "channel": channel, **dict(zip(_LEVELS, told, strict=True))}
        for minute, n in minutes.items()
        for channel, told in (("button", n), ("survey", _NOTHING))
    ]
    by_day = [{"day": day, "window": window, **dict(zip(_LEVELS, n, strict=True))} for (day, window), n in days.items()]
    async with database.writer.begin() as connection:
        await connection.execute(CITY, city)
        await connection.execute(DAY, by_day)
