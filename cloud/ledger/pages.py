"""Reading the ledger on by position: what comes next, and which of its ratings count."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import fetch, fetch_value
from cloud.ledger.counting import Entry, Rows, counted
from contract.batch import MAX_ROWS, StreamKey

# How many entries, and about how many rows, make a page: some 30 MB while it is worked on.
ENTRIES_A_PAGE = 10_000
ROWS_A_PAGE = 40_000
_NAMES_A_QUERY = 1_000

HEAD = "SELECT position FROM ledger_head WHERE id = 1"

# An admission names up to 5,000 rows.
UNTIL = """
SELECT MIN(position), MAX(CASE WHEN total <= :rows THEN position END) FROM (
    SELECT position, SUM(size) OVER (ORDER BY position) AS total FROM (
        SELECT position, CASE WHEN kind IN ('batch', 'visits') THEN last - first + 1 ELSE 5000 END AS size
        FROM ledger_entry WHERE position > :after ORDER BY position LIMIT :limit
    ) AS sized
) AS summed
"""

ENTRIES = """
SELECT position, kind, node, epoch, first, last, raw FROM ledger_entry
WHERE position > :after AND position <= :until ORDER BY position
"""

HELD = "SELECT position, row FROM uncounted WHERE position > :after AND position <= :until"

AT = text("""
SELECT position, kind, node, epoch, first, last, raw FROM ledger_entry WHERE position IN :positions
""").bindparams(bindparam("positions", expanding=True))

# The highest number that a stream had given up to a position; the entry that gave it begins less than the longest batch
# before the last one to begin.
LAST = """
SELECT MAX(last) FROM ledger_entry
WHERE kind = 'batch' AND node = :node AND epoch = :epoch AND position <= :after AND first > (
    SELECT first FROM ledger_entry
    WHERE kind = 'batch' AND node = :same_node AND epoch = :same_epoch AND position <= :same_after
    ORDER BY first DESC LIMIT 1
) - :longest
"""

# What the same stream gave before; no batch is longer than :longest, so the search begins that far before it.
GIVEN = text("""
SELECT later.position, earlier.first, earlier.last
FROM ledger_entry AS later JOIN ledger_entry AS earlier
  ON earlier.kind = 'batch' AND earlier.node = later.node AND earlier.epoch = later.epoch
 AND earlier.first > later.first - :longest AND earlier.first <= later.last
 AND earlier.last >= later.first AND earlier.position < later.position
WHERE later.position IN :positions
""").bindparams(bindparam("positions", expanding=True))


class Streams:
    """The highest number of each stream that was read: an entry above it gives nothing that was given before.

    Forgetting one costs a query when it comes again, and nothing else. As long as everything was read, from the
    ledger's first entry on, and nothing forgotten, a stream that is not known is new.
    """

    _MOST = 200_000

    def __init__(self) -> None:
        self._last: dict[StreamKey, int] = {}
        self._complete = False

    async def doubtful(self, connection: AsyncConnection, entries: Iterable[Entry], after: int) -> list[int]:
        """Take in `entries`, which follow position `after`; the positions of those that may give a number again."""
        found = []
        self._complete = self._complete or after <= 0
        for entry in entries:
            if entry.kind != "batch":
                continue
            stream = StreamKey(entry.node, entry.epoch)
            last = self._last.get(stream)
            if last is None and self._complete:
                last = 0
            elif last is None:
                last = int(await fetch_value(connection, LAST, (*stream, after, *stream, after, MAX_ROWS)) or 0)
            if entry.first <= last:
                found.append(entry.position)
            self._last[stream] = max(entry.last, last)
        for stream in list(islice(self._last, max(0, len(self._last) - self._MOST))):
            del self._last[stream]
            self._complete = False
        return found


async def head(connection: AsyncConnection) -> int:
    """The highest position in the ledger."""
    return int(await fetch_value(connection, HEAD) or 0)


async def following(
    connection: AsyncConnection, after: int, streams: Streams, *, most: int | None = None, visits: bool = False
) -> tuple[int, list[Rows]] | None:
    """The next entries behind `after`: up to which position, and which of their rows count; None at the head.

    A page has at most so many entries, by default `ENTRIES_A_PAGE`. With `visits` also all rows of what became of
    those, which count nowhere.
    """
    ((first, last),) = await fetch(connection, UNTIL, (ROWS_A_PAGE, after, most or ENTRIES_A_PAGE))
    if first is None:
        return None
    # An entry that is larger than a page is one.
    until = int(first if last is None else last)
    entries = [entry_of(row) for row in await fetch(connection, ENTRIES, (after, until))]
    given = await earlier(connection, await streams.doubtful(connection, entries, after))
    held = defaultdict(list)
    for position, row in await fetch(connection, HELD, (after, until)):
        held[position].append(row)
    named = {position for entry in entries if entry.kind == "admit" for position, _ in entry.admitted}
    batches = {
        entry.position: entry for entry in map(entry_of, await rows_in(connection, AT, "positions", sorted(named)))
    }
    found_here = counted(entries, given, held, batches)
    if visits:
        found_here += [Rows(one, range(one.last - one.first + 1)) for one in entries if one.of_visits]
    return until, found_here


async def earlier(connection: AsyncConnection, positions: Sequence[int]) -> Mapping[int, list[tuple[int, int]]]:
    """By position, the number ranges that overlap that entry's own and were given before it."""
    found = defaultdict(list)
    for position, first, last in await rows_in(connection, GIVEN, "positions", positions, longest=MAX_ROWS):
        found[position].append((first, last))
    return found


async def rows_in(
    connection: AsyncConnection, statement: TextClause, name: str, values: Sequence[object], **others: object
) -> list[Any]:
    """Rows of `statement` for all of `values`, which stand in its `IN :name`."""
    found: list[Any] = []
    for begin in range(0, len(values), _NAMES_A_QUERY):
        part = list(values[begin : begin + _NAMES_A_QUERY])
        found.extend(tuple(row) for row in await connection.execute(statement, {name: part, **others}))
    return found


def entry_of(row: Sequence[Any]) -> Entry:
    """The entry of a row in the order of its fields."""
    position, kind, node, epoch, first, last, raw = row
    return Entry(int(position), kind, node, epoch, int(first), int(last), bytes(raw))
