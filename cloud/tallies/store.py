"""SQL of the tallies."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.tallies.tables  # noqa: F401  (its tables belong to the schema)
from cloud.calendar import Calendar
from cloud.database import write
from cloud.ledger.cells import Cells
from cloud.tallies.rules import city_rows, day_rows, minute_rows, township_rows

# Add to one cell; a cell that is not there yet begins with what is added.
ADD_MINUTE = """
INSERT INTO tally_minute (minute, "window", channel, satisfied, basic, dissatisfied)
VALUES (:minute, :window, :channel, :satisfied, :basic, :dissatisfied)
ON CONFLICT (minute, "window", channel) DO UPDATE SET
    satisfied = tally_minute.satisfied + excluded.satisfied,
    basic = tally_minute.basic + excluded.basic,
    dissatisfied = tally_minute.dissatisfied + excluded.dissatisfied
"""

ADD_DAY = """
INSERT INTO tally_day (day, "window", channel, satisfied, basic, dissatisfied)
VALUES (:day, :window, :channel, :satisfied, :basic, :dissatisfied)
ON CONFLICT (day, "window", channel) DO UPDATE SET
    satisfied = tally_day.satisfied + excluded.satisfied,
    basic = tally_day.basic + excluded.basic,
    dissatisfied = tally_day.dissatisfied + excluded.dissatisfied
"""

ADD_CITY = """
INSERT INTO tally_city (minute, channel, satisfied, basic, dissatisfied)
VALUES (:minute, :channel, :satisfied, :basic, :dissatisfied)
ON CONFLICT (minute, channel) DO UPDATE SET
    satisfied = tally_city.satisfied + excluded.satisfied,
    basic = tally_city.basic + excluded.basic,
    dissatisfied = tally_city.dissatisfied + excluded.dissatisfied
"""

ADD_TOWNSHIP = """
INSERT INTO tally_township (hour, township, channel, satisfied, basic, dissatisfied)
VALUES (:hour, :township, :channel, :satisfied, :basic, :dissatisfied)
ON CONFLICT (hour, township, channel) DO UPDATE SET
    satisfied = tally_township.satisfied + excluded.satisfied,
    basic = tally_township.basic + excluded.basic,
    dissatisfied = tally_township.dissatisfied + excluded.dissatisfied
"""

ADD_ESTIMATED = """
INSERT INTO tally_estimated (minute, "window", channel, ratings) VALUES (:minute, :window, :channel, :ratings)
ON CONFLICT (minute, "window", channel) DO UPDATE SET ratings = tally_estimated.ratings + excluded.ratings
"""


async def add(
    connection: AsyncConnection,
    cells: Cells,
    channel: str,
    calendar: Calendar,
) -> None:
    """Add `cells` within the transaction of `connection`."""
    await write(connection, ADD_MINUTE, minute_rows(cells, channel))
    await write(connection, ADD_DAY, day_rows(cells, channel, calendar.day))
    await write(connection, ADD_TOWNSHIP, township_rows(cells, channel, calendar.hour))
    await write(connection, ADD_CITY, city_rows(cells, channel))


async def add_estimated(connection: AsyncConnection, estimated: Mapping[tuple[str, int], int], channel: str) -> None:
    """Add how many of each cell stand there by an estimate of their time."""
    rows = sorted((minute, window, channel, ratings) for (window, minute), ratings in estimated.items())
    await write(connection, ADD_ESTIMATED, rows)
