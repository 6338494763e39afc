"""Walking the ledger township by township, as of one position, and its tallies, to compare the series with them."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import MINUTE_MS, Calendar
from cloud.database import Database, fetch, unavailable
from cloud.ledger.counting import Entry, Rows, counting
from cloud.ledger.pages import Streams, entry_of, following, rows_in
from cloud.series.lines import RollupRow
from contract.ranges import Ranges

PAGE = 2_000

TOWNSHIPS = "SELECT DISTINCT substr(node, 1, 9) FROM ledger_entry WHERE kind = 'batch'"

# In the order of the unique index ledger_entry_numbers.
ENTRIES = """
SELECT position, kind, node, epoch, first, last, raw FROM ledger_entry
WHERE kind = 'batch' AND (node, epoch, first, last) > (:node, :epoch, :first, :last) AND node < :end
ORDER BY node, epoch, first, last LIMIT :limit
"""

HELD = text("""
SELECT position, row FROM uncounted WHERE position IN :positions AND (admitted IS NULL OR admitted > :until)
""").bindparams(bindparam("positions", expanding=True))

# One seek for each day, or hour, that is there.
DAYS = """
WITH RECURSIVE found (day) AS (
    SELECT MIN(day) FROM tally_day
    UNION ALL SELECT (SELECT MIN(day) FROM tally_day WHERE day > found.day) FROM found WHERE found.day IS NOT NULL
) SELECT day FROM found WHERE day IS NOT NULL
"""

HOURS = """
WITH RECURSIVE found (hour) AS (
    SELECT MIN(hour) FROM tally_township
    UNION ALL SELECT (SELECT MIN(hour) FROM tally_township WHERE hour > found.hour) FROM found
    WHERE found.hour IS NOT NULL
) SELECT hour FROM found WHERE hour IS NOT NULL
"""

HOURS_BETWEEN = """
SELECT hour, township, channel, satisfied, basic, dissatisfied FROM tally_township
WHERE hour >= :first AND hour < :end
"""

WINDOWS_OF_A_DAY = """
SELECT "window", channel, satisfied, basic, dissatisfied FROM tally_day WHERE day = :day
"""


async def townships(connection: AsyncConnection) -> list[str]:
    """The townships that have ratings in the ledger."""
    return sorted(str(code) for (code,) in await fetch(connection, TOWNSHIPS))


async def township(connection: AsyncConnection, code: str, until: int) -> AsyncIterator[list[Rows]]:
    """The ratings of a township that count as of position `until`, one run of a node after the other."""
    after: tuple[str, str, int, int] = (code, "", 0, 0)
    stream: list[Entry] = []
    while page := [entry_of(row) for row in await fetch(connection, ENTRIES, (*after, str(int(code) + 1), PAGE))]:
        for key, entries in groupby(page, lambda entry: (entry.node, entry.epoch)):
            if stream and key != (stream[0].node, stream[0].epoch):
                yield await _counting(connection, stream, until)
                stream = []
            stream.extend(entry for entry in entries if entry.position <= until)
        after = (page[-1].node, page[-1].epoch, page[-1].first, page[-1].last)
    if stream:
        yield await _counting(connection, stream, until)


async def _counting(connection: AsyncConnection, stream: Sequence[Entry], until: int) -> list[Rows]:
    positions = sorted(entry.position for entry in stream)
    held = defaultdict(list)
    for position, row in await rows_in(connection, HELD, "positions", positions, until=until):
        held[position].append(row)
    return list(first_given(stream, held))


def first_given(stream: Iterable[Entry], held: Mapping[int, Sequence[int]]) -> Iterator[Rows]:
    """Yield which rows of one stream's entries count: of a number the entry at the lowest position gives it."""
    given = Ranges()
    for entry in sorted(stream, key=lambda entry: entry.position):
        before = given.pairs if given.touches(entry.first, entry.last) else ()
        yield Rows(entry, counting(entry, before, held.get(entry.position, ())))
        given = given.add(entry.first, entry.last)


async def behind(database: Database, position: int) -> AsyncIterator[list[Rows]]:
    """What the entries behind `position` brought, page by page up to the head."""
    streams = Streams()
    while True:
        with unavailable():
            async with database.reader.begin() as connection:
                found = await following(connection, position, streams)
        if found is None:
            return
        position, rows = found
        yield rows


async def days(connection: AsyncConnection, calendar: Calendar) -> set[str]:
    """The days that have a tally of a window, or an hour with one of a township."""
    named = {str(day) for (day,) in await fetch(connection, DAYS)}
    return named | {calendar.day(int(hour) * MINUTE_MS) for (hour,) in await fetch(connection, HOURS)}


async def hours(connection: AsyncConnection, begin: int, end: int) -> list[RollupRow]:
    """The tallies of all townships by hour from `begin` to before `end` (ms)."""
    return [_row(row) for row in await fetch(connection, HOURS_BETWEEN, (begin // MINUTE_MS, end // MINUTE_MS))]


async def windows(connection: AsyncConnection, day: str, begin: int) -> list[RollupRow]:
    """The tallies of all windows on `day`, which begins at `begin` (ms)."""
    return [_row((begin // MINUTE_MS, *row)) for row in await fetch(connection, WINDOWS_OF_A_DAY, (day,))]


def _row(row: Sequence[Any]) -> RollupRow:
    minute, place, channel, satisfied, basic, dissatisfied = row
    return minute, place, channel, satisfied, basic, dissatisfied
