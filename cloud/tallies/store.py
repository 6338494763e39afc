"""SQL of the tallies."""

from collections.abc import Iterable, Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.tallies.tables  # noqa: F401  (its tables belong to the schema)
from cloud.calendar import Calendar
from cloud.database import write
from cloud.ledger.cells import Cells, by_channel
from cloud.tallies.rules import city_rows, day_rows, minute_rows, township_rows
from contract.identity import channel_of, counter_of

LEVELS = ("satisfied", "basic", "dissatisfied")


def adding(table: str, *cell: str) -> str:
    """SQL that adds counts of the three levels to one cell of `table`, which the columns `cell` name.

    A cell that is not there yet begins with what is added.
    """
    columns = (*cell, *LEVELS)
    values = ", ".join(f":{column}" for column in columns)
    sums = ", ".join(f"{level} = {table}.{level} + excluded.{level}" for level in LEVELS)
    return (
        f"INSERT INTO {table} ({_quoted(columns)}) VALUES ({values}) "  # noqa: S608  (names of our own)
        f"ON CONFLICT ({_quoted(cell)}) DO UPDATE SET {sums}"
    )


def _quoted(columns: Iterable[str]) -> str:
    """`window` is a word of SQL."""
    return ", ".join(f'"{column}"' for column in columns)


ADD_MINUTE = adding("tally_minute", "minute", "window", "channel")
ADD_DAY = adding("tally_day", "day", "window", "channel")
ADD_TOWNSHIP = adding("tally_township", "hour", "township", "channel")
ADD_CITY = adding("tally_city", "minute", "channel")

ADD_ESTIMATED = """
INSERT INTO tally_estimated (minute, "window", channel, ratings) VALUES (:minute, :window, :channel, :ratings)
ON CONFLICT (minute, "window", channel) DO UPDATE SET ratings = tally_estimated.ratings + excluded.ratings
"""


async def add(
    connection: AsyncConnection,
    cells: Cells,
    calendar: Calendar,
) -> None:
    """Add `cells` within the transaction of `connection`, each to its channel."""
    for channel, of in by_channel(cells).items():
        await write(connection, ADD_MINUTE, minute_rows(of, channel))
        await write(connection, ADD_DAY, day_rows(of, channel, calendar.day))
        await write(connection, ADD_TOWNSHIP, township_rows(of, channel, calendar.hour))
        await write(connection, ADD_CITY, city_rows(of, channel))


async def add_estimated(connection: AsyncConnection, estimated: Mapping[tuple[str, int], int]) -> None:
    """Add how many of each cell stand there by an estimate of their time."""
    rows = sorted(
        (minute, counter_of(window), channel_of(window), ratings) for (window, minute), ratings in estimated.items()
    )
    await write(connection, ADD_ESTIMATED, rows)
