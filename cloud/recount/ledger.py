"""Reading the ledger stream by stream: what is remembered of given numbers never exceeds one run of one node.

Which rating of a number counts is `proof.ledger.ratings`' to say, as for any auditor.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import groupby
from operator import itemgetter

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import fetch, fetch_value
from cloud.ledger.cells import ONE, Cells
from cloud.ledger.rules import MINUTE_MS
from cloud.recount.spill import Spill
from contract.batch import Batch
from contract.errors import StoreDamaged
from proof.ledger import batch_at, ratings

PAGE = 2_000
HELD_PAGE = 20_000

# In the order of the unique index ledger_entry_numbers.
ENTRIES = """
SELECT node, epoch, first, last, position, raw FROM ledger_entry
WHERE kind = 'batch' AND (node, epoch, first, last) > (:node, :epoch, :first, :last)
ORDER BY node, epoch, first, last LIMIT :limit
"""
ALL_ENTRIES = "SELECT count(*) FROM ledger_entry WHERE kind = 'batch'"

# A row that was admitted later counts.
HELD = """
SELECT position, row FROM uncounted
WHERE admitted IS NULL AND (position, row) > (:position, :row) ORDER BY position, row LIMIT :limit
"""

# Position, and the signed batch as received.
Stored = tuple[int, bytes]
# How many entries were read, and how many there are.
Tell = Callable[[int, int], None]


async def count(connection: AsyncConnection, spill: Spill, tell: Tell) -> int:
    """Put the counts by window and minute that the ledger gives into `spill`; how many ratings count.

    An entry that cannot be read is put there as damage, and the ledger is counted without it.
    """
    await _hold(connection, spill)
    total = int(await fetch_value(connection, ALL_ENTRIES))
    done = counted = 0
    async for stream in _streams(connection):
        cells, number = _cells(stream, spill)
        spill.add(cells)
        done += len(stream)
        counted += number
        tell(done, total)
    spill.sort()
    return counted


async def _hold(connection: AsyncConnection, spill: Spill) -> None:
    after: tuple[int, int] = (0, -1)
    while page := await fetch(connection, HELD, (*after, HELD_PAGE)):
        spill.hold(page)
        after = (page[-1][0], page[-1][1])


async def _streams(connection: AsyncConnection) -> AsyncIterator[list[Stored]]:
    """The entries of one stream after the other, each stream's in the order of positions."""
    after: tuple[str, str, int, int] = ("", "", 0, 0)
    stream: tuple[str, str] = ("", "")
    waiting: list[Stored] = []
    while page := await fetch(connection, ENTRIES, (*after, PAGE)):
        for key, entries in groupby(page, itemgetter(0, 1)):
            if key != stream and waiting:
                yield sorted(waiting)
                waiting = []
            stream = key
            waiting.extend((entry[4], entry[5]) for entry in entries)
        after = (page[-1][0], page[-1][1], page[-1][2], page[-1][3])
    if waiting:
        yield sorted(waiting)


def _cells(stream: list[Stored], spill: Spill) -> tuple[Cells, int]:
    uncounted = {(position, row) for position, _ in stream for row in spill.held(position)}
    cells: dict[tuple[str, int], int] = {}
    number = 0
    for rating in ratings(_readable(stream, spill), uncounted):
        if rating.counted:
            cell = (rating.window, rating.at // MINUTE_MS)
            cells[cell] = cells.get(cell, 0) + ONE[rating.level]
            number += 1
            if rating.bounds is not None:
                spill.guess(rating.window, rating.at // MINUTE_MS)
    return cells, number


def _readable(stream: list[Stored], spill: Spill) -> Iterator[tuple[int, Batch]]:
    for position, raw in stream:
        try:
            batch = batch_at(position, raw)
        except StoreDamaged as bad:
            spill.damage(position, str(bad))
        else:
            yield position, batch
