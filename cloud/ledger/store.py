"""SQL of the ledger: appending within a transaction, and looking up what it holds."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.ledger.tables  # noqa: F401  (its tables belong to the schema)
from cloud.database import fetch, fetch_value, write
from cloud.ledger.rules import Held, Pair, Verified
from contract.batch import MAX_ROWS, Batch, StreamKey
from contract.codec import decode_batch
from contract.hello import Hello
from contract.identity import WINDOW

BEGIN_HEAD = "INSERT INTO ledger_head (id, position) VALUES (1, 0) ON CONFLICT (id) DO NOTHING"

HEAD = "SELECT position FROM ledger_head WHERE id = 1"

# Takes the next positions and, until the commit, the lock that keeps them gapless.
TAKE = "UPDATE ledger_head SET position = position + :count WHERE id = 1 RETURNING position"

APPEND = """
INSERT INTO ledger_entry (position, kind, node, epoch, first, last, received_at, lane, raw)
VALUES (:position, :kind, :node, :epoch, :first, :last, :received_at, :lane, :raw)
"""

HOLD = """
INSERT INTO uncounted (position, row, reason, "window")
VALUES (:position, :row, :reason, :window)
"""

# A hello may arrive late or again; the newest is the one that says the stream goes furthest.
GREET = """
INSERT INTO hello (node, epoch, last, at, raw)
VALUES (:node, :epoch, :last, :at, :raw)
ON CONFLICT (node, epoch) DO UPDATE SET last = excluded.last, at = excluded.at, raw = excluded.raw
WHERE excluded.last >= hello.last
"""

# The closed ranges of one stream's numbers: an entry that does not touch what came before it opens a new range.
STANDING = """
SELECT min(first), max(last) FROM (
    SELECT first, last, sum(opens) OVER (ORDER BY first, last) AS range_number FROM (
        SELECT first, last, CASE WHEN first <= 1 + max(last) OVER (
            ORDER BY first, last ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) THEN 0 ELSE 1 END AS opens
        FROM ledger_entry WHERE kind = 'batch' AND node = :node AND epoch = :epoch
    ) AS marked
) AS numbered GROUP BY range_number
"""

# Entries of one stream that overlap a range. No batch is longer than MAX_ROWS, so the search begins that far before it.
OVERLAPPING = """
SELECT position, raw FROM ledger_entry
WHERE kind = 'batch' AND node = :node AND epoch = :epoch AND first >= :from AND first <= :until AND last >= :first
ORDER BY position
"""


class Entry(NamedTuple):
    """One row of the ledger to be."""

    kind: str
    node: str
    epoch: str
    first: int
    last: int
    received_at: int
    lane: str
    raw: bytes


def entry_of(verified: Verified, received_at: int) -> Entry:
    """The ledger entry of a verified batch."""
    (node, epoch), first, last = verified.numbers
    return Entry("batch", node, epoch, first, last, received_at, verified.lane, verified.raw)


async def head(connection: AsyncConnection) -> int:
    """The highest position given; 0 for an empty ledger, whose head is made here."""
    position = await fetch_value(connection, HEAD)
    if position is None:
        await write(connection, BEGIN_HEAD)
        return 0
    return int(position)


async def append(connection: AsyncConnection, entries: Sequence[Entry]) -> int:
    """Append `entries` at the next positions; the highest of them. `entries` is not empty."""
    position = int(await fetch_value(connection, TAKE, (len(entries),)))
    first = position - len(entries) + 1
    await write(connection, APPEND, [(first + index, *entry) for index, entry in enumerate(entries)])
    return position


async def hold(connection: AsyncConnection, held: Iterable[Held], first: int) -> None:
    """Hold rows uncounted; entry number 0 of the group stands at position `first`."""
    await write(connection, HOLD, ((first + h.entry, h.row, h.reason.value, well_formed(h.window)) for h in held))


def well_formed(window: str) -> str:
    """A city-wide window name, or "" for one that can never be registered (and may hold what no database takes)."""
    return window if WINDOW.fullmatch(window.partition("/")[2]) else ""


async def greet(connection: AsyncConnection, hellos: Iterable[tuple[Hello, bytes]], at: int) -> None:
    """Keep the newest hello of each stream, received at `at` (ms)."""
    await write(connection, GREET, ((hello.node, hello.epoch, hello.last, at, raw) for hello, raw in hellos))


async def standing(connection: AsyncConnection, stream: StreamKey) -> list[Pair]:
    """The ranges of `stream`'s numbers that the ledger holds."""
    return [(int(lo), int(hi)) for lo, hi in await fetch(connection, STANDING, stream)]


async def overlapping(connection: AsyncConnection, stream: StreamKey, first: int, last: int) -> dict[int, Batch]:
    """The ledger's batches of `stream` that give a number in `first..last`, by position, lowest first."""
    values = (*stream, first - MAX_ROWS + 1, last, first)
    found = await fetch(connection, OVERLAPPING, values)
    return {int(position): decode_batch(bytes(raw).partition(b"\n")[0]) for position, raw in found}
