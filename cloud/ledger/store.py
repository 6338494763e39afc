"""SQL of the ledger: appending within a transaction, and looking up what it holds."""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.ledger.tables  # noqa: F401  (its tables belong to the schema)
from cloud.database import fetch, write
from cloud.ledger.rules import Held, Pair, Verified
from contract.batch import MAX_ROWS, Batch, StreamKey
from contract.codec import stored_batch
from contract.hello import Hello
from contract.identity import WINDOW
from contract.rating import Quality
from proof.kinds import BATCH, VISITS, kind_of

BEGIN_HEAD = "INSERT INTO ledger_head (id, position, commits) VALUES (1, 0, 0) ON CONFLICT (id) DO NOTHING"

# Takes the next positions, the next commit's number and, until the commit, the lock that keeps both gapless.
TAKE = """
UPDATE ledger_head SET position = position + :count, commits = commits + 1 WHERE id = 1 RETURNING position, commits
"""

# The next position for an entry that counts nothing: no commit is missed by who follows them.
TAKE_ONE = "UPDATE ledger_head SET position = position + 1 WHERE id = 1 RETURNING position"

APPEND = """
INSERT INTO ledger_entry (position, kind, node, epoch, first, last, received_at, lane, raw)
VALUES (:position, :kind, :node, :epoch, :first, :last, :received_at, :lane, :raw)
"""

HOLD = """
INSERT INTO uncounted (position, row, reason, "window")
VALUES (:position, :row, :reason, :window)
"""

# The bounds of estimated times, where they can be found without reading any batch.
BOUND = """
INSERT INTO estimate (position, node, epoch, first, last, at, earliest, latest)
VALUES (:position, :node, :epoch, :first, :last, :at, :earliest, :latest)
"""

# A hello may arrive late or again; the newest is the one that says the stream goes furthest.
GREET = """
INSERT INTO hello (node, epoch, last, at, raw)
VALUES (:node, :epoch, :last, :at, :raw)
ON CONFLICT (node, epoch) DO UPDATE SET last = excluded.last, at = excluded.at, raw = excluded.raw
WHERE excluded.last >= hello.last
"""

# The closed ranges of the numbers of several streams: an entry that does not touch what came before it opens a new one.
# CROSS JOIN keeps SQLite from reading the whole index instead of seeking each stream in it.
STANDING = """
WITH wanted (node, epoch) AS (VALUES {streams})
SELECT node, epoch, min(first), max(last) FROM (
    SELECT node, epoch, first, last, sum(opens) OVER (PARTITION BY node, epoch ORDER BY first, last) AS range_number
    FROM (
        SELECT e.node, e.epoch, e.first, e.last, CASE WHEN e.first <= 1 + max(e.last) OVER (
            PARTITION BY e.node, e.epoch ORDER BY e.first, e.last ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) THEN 0 ELSE 1 END AS opens
        FROM wanted CROSS JOIN ledger_entry AS e
        WHERE e.kind = '{kind}' AND e.node = wanted.node AND e.epoch = wanted.epoch
    ) AS marked
) AS numbered GROUP BY node, epoch, range_number
"""
# How many streams one question asks about; few sizes, so that few texts are translated and planned.
STANDING_SIZES = (1, 16, 256)

# Entries of one stream that overlap a range. No batch is longer than MAX_ROWS, so the search begins that far before it.
# The kind stands in the text: each has an index of its own, which no value would be seen to belong to.
OVERLAPPING = """
SELECT position, raw FROM ledger_entry
WHERE kind = '{kind}' AND node = :node AND epoch = :epoch AND first >= :from AND first <= :until AND last >= :first
ORDER BY position
"""


class Head(NamedTuple):
    """The highest position given, and the number of the commit that gave it."""

    position: int
    commits: int


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
    return Entry(kind_of(node), node, epoch, first, last, received_at, verified.lane, verified.raw)


async def append(connection: AsyncConnection, entries: Sequence[Entry]) -> Head:
    """Append `entries`, of which there may be none, at the next positions; the head after them."""
    taken = await fetch(connection, TAKE, (len(entries),))
    if not taken:
        await write(connection, BEGIN_HEAD)
        taken = await fetch(connection, TAKE, (len(entries),))
    head = Head(*taken[0])
    first = head.position - len(entries) + 1
    await write(connection, APPEND, [(first + index, *entry) for index, entry in enumerate(entries)])
    return head


async def enter(connection: AsyncConnection, entry: Entry) -> int:
    """Append `entry`, by which no count changes, at the next position, which is returned."""
    taken = await fetch(connection, TAKE_ONE)
    if not taken:
        await write(connection, BEGIN_HEAD)
        taken = await fetch(connection, TAKE_ONE)
    position = int(taken[0][0])
    await write(connection, APPEND, [(position, *entry)])
    return position


async def hold(connection: AsyncConnection, held: Iterable[Held], first: int) -> None:
    """Hold rows uncounted; entry number 0 of the group stands at position `first`."""
    await write(connection, HOLD, ((first + h.entry, h.row, h.reason.value, well_formed(h.window)) for h in held))


async def bound(connection: AsyncConnection, entered: Sequence[Verified], first: int) -> None:
    """Keep the bounds of the estimates among `entered`, of which the first stands at position `first`."""
    await write(
        connection,
        BOUND,
        (
            (first + index, *numbers.stream, *numbers[1:], batch.t0, *(batch.bounds or (batch.t0, batch.t0)))
            for index, (batch, numbers, *_) in enumerate(entered)
            if batch.q is Quality.ESTIMATED
        ),
    )


def well_formed(window: str) -> str:
    """A city-wide window name, or "" for one that can never be registered (and may hold what no database takes)."""
    return window if WINDOW.fullmatch(window.partition("/")[2]) else ""


async def greet(connection: AsyncConnection, hellos: Iterable[tuple[Hello, bytes]], at: int) -> None:
    """Keep the newest hello of each stream, received at `at` (ms)."""
    await write(connection, GREET, ((hello.node, hello.epoch, hello.last, at, raw) for hello, raw in hellos))


async def standing(connection: AsyncConnection, streams: Sequence[StreamKey]) -> dict[StreamKey, list[Pair]]:
    """The ranges of the numbers that the ledger holds of each of `streams`, lowest first."""
    found: dict[StreamKey, list[Pair]] = {stream: [] for stream in streams}
    most = STANDING_SIZES[-1]
    for kind in (BATCH, VISITS):
        wanted = [stream for stream in streams if kind_of(stream.node) == kind]
        for begin in range(0, len(wanted), most):
            some = wanted[begin : begin + most]
            size = next(size for size in STANDING_SIZES if size >= len(some))
            # Nobody's name is empty, so what fills up the question finds nothing.
            values = [*chain.from_iterable(some), *("", "") * (size - len(some))]
            for node, epoch, lo, hi in await fetch(connection, _standing_of(kind, size), values):
                found[StreamKey(node, epoch)].append((int(lo), int(hi)))
    return {stream: sorted(pairs) for stream, pairs in found.items()}


@cache
def _standing_of(kind: str, size: int) -> str:
    streams = ", ".join(f"(:node{number}, :epoch{number})" for number in range(size))
    return STANDING.format(kind=kind, streams=streams)


async def overlapping(connection: AsyncConnection, stream: StreamKey, first: int, last: int) -> dict[int, Batch]:
    """The ledger's batches of `stream` that give a number in `first..last`, by position, lowest first."""
    values = (*stream, first - MAX_ROWS + 1, last, first)
    found = await fetch(connection, OVERLAPPING.format(kind=kind_of(stream.node)), values)
    return {int(position): stored_batch(bytes(raw)) for position, raw in found}
