"""The tallies as a recount sees them: how each is read, and how it is set right."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import fetch, fetch_value, write
from cloud.judgements import store as judgements
from cloud.recount.spill import Difference
from cloud.tallies.store import ADD_CITY, ADD_DAY, ADD_MINUTE, ADD_TOWNSHIP
from proof.scores import Counts

Span = int | str
Key = tuple[Span, str, str]


class Tally(NamedTuple):
    """One table. Its rows by (span, place, channel); the city's own have no place column."""

    name: str
    placed: bool
    next: str
    between: str
    add: str
    drop: str


MINUTE = Tally(
    "tally_minute",
    placed=True,
    next="SELECT min(minute) FROM tally_minute WHERE minute >= :at",
    between='SELECT minute, "window", channel, satisfied, basic, dissatisfied FROM tally_minute '
    "WHERE minute >= :begin AND minute < :end",
    add=ADD_MINUTE,
    drop='DELETE FROM tally_minute WHERE minute = :minute AND "window" = :window AND channel = :channel '
    "AND satisfied = 0 AND basic = 0 AND dissatisfied = 0",
)
DAY = Tally(
    "tally_day",
    placed=True,
    next="SELECT min(day) FROM tally_day WHERE day > :after",
    between='SELECT day, "window", channel, satisfied, basic, dissatisfied FROM tally_day '
    "WHERE day >= :begin AND day <= :end",
    add=ADD_DAY,
    drop='DELETE FROM tally_day WHERE day = :day AND "window" = :window AND channel = :channel '
    "AND satisfied = 0 AND basic = 0 AND dissatisfied = 0",
)
TOWNSHIP = Tally(
    "tally_township",
    placed=True,
    next="SELECT min(hour) FROM tally_township WHERE hour >= :at",
    between="SELECT hour, township, channel, satisfied, basic, dissatisfied FROM tally_township "
    "WHERE hour >= :begin AND hour < :end",
    add=ADD_TOWNSHIP,
    drop="DELETE FROM tally_township WHERE hour = :hour AND township = :township AND channel = :channel "
    "AND satisfied = 0 AND basic = 0 AND dissatisfied = 0",
)
CITY = Tally(
    "tally_city",
    placed=False,
    next="SELECT min(minute) FROM tally_city WHERE minute >= :at",
    between="SELECT minute, channel, satisfied, basic, dissatisfied FROM tally_city "
    "WHERE minute >= :begin AND minute < :end",
    add=ADD_CITY,
    drop="DELETE FROM tally_city WHERE minute = :minute AND channel = :channel "
    "AND satisfied = 0 AND basic = 0 AND dissatisfied = 0",
)
# One number a cell: in place of the satisfied, with nothing beside it.
ESTIMATED = Tally(
    "tally_estimated",
    placed=True,
    next="SELECT min(minute) FROM tally_estimated WHERE minute >= :at",
    between='SELECT minute, "window", channel, ratings, 0, 0 FROM tally_estimated '
    "WHERE minute >= :begin AND minute < :end",
    add='INSERT INTO tally_estimated (minute, "window", channel, ratings) VALUES (:minute, :window, :channel, '
    "CAST(:ratings AS BIGINT) + CAST(:nothing AS BIGINT) + CAST(:neither AS BIGINT)) "
    'ON CONFLICT (minute, "window", channel) DO UPDATE SET ratings = tally_estimated.ratings + excluded.ratings',
    drop='DELETE FROM tally_estimated WHERE minute = :minute AND "window" = :window AND channel = :channel '
    "AND ratings = 0",
)
# What two auditors upheld as misuse; so little that it is compared at once.
UPHELD = Tally(
    "tally_upheld",
    placed=True,
    next="SELECT min(minute) FROM tally_upheld WHERE minute >= :at",
    between='SELECT minute, "window", channel, satisfied, basic, dissatisfied FROM tally_upheld '
    "WHERE minute >= :begin AND minute < :end",
    add=judgements.ADD,
    drop=judgements.DROP,
)
TALLIES = (MINUTE, DAY, TOWNSHIP, CITY, ESTIMATED, UPHELD)


async def next_span(connection: AsyncConnection, tally: Tally, at: Span) -> Span | None:
    """The first span of `tally` from `at` on; for the days, behind it."""
    found: Span | None = await fetch_value(connection, tally.next, (at,))
    return found


async def stored(connection: AsyncConnection, tally: Tally, begin: Span, end: Span) -> dict[Key, Counts]:
    """What `tally` keeps from `begin` until before `end`; for the days, `end` included."""
    return keyed(tally, await fetch(connection, tally.between, (begin, end)))


def keyed(tally: Tally, rows: Iterable[Sequence[Any]]) -> dict[Key, Counts]:
    """Rows of the table by (span, place, channel)."""
    if tally.placed:
        return {(row[0], row[1], row[2]): (row[3], row[4], row[5]) for row in rows}
    return {(row[0], "", row[1]): (row[2], row[3], row[4]) for row in rows}


async def repair(connection: AsyncConnection, tally: Tally, differences: Iterable[Difference]) -> None:
    """Add what is missing, in the transaction of `connection`; a cell that is empty then goes.

    Adding is right whatever was committed since the difference was found: a commit adds the same to both sides.
    """
    found = list(differences)
    keys = [_columns(tally, difference) for difference in found]
    rows = [(*key, *difference.missing) for key, difference in zip(keys, found, strict=True)]
    await write(connection, tally.add, rows)
    await write(connection, tally.drop, keys)


def _columns(tally: Tally, difference: Difference) -> tuple[Span, ...]:
    span, place, channel = difference[:3]
    return (span, place, channel) if tally.placed else (span, channel)
