"""SQL of judgements, which are ledger entries of their own kind, and of what they take out."""

from collections import Counter
from collections.abc import Iterable, Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.judgements.tables  # noqa: F401  (its table belongs to the schema)
from cloud.database import fetch, write
from cloud.ledger.rules import MINUTE_MS
from cloud.ledger.store import overlapping
from cloud.tallies.store import adding
from contract.batch import StreamKey
from contract.identity import channel_of, counter_of
from contract.ranges import Ranges
from proof.judgement import Filed, FlagKey, opened
from proof.ledger import Rating, ratings
from proof.scores import Counts

# By the index `ledger_entry_judgements`; such an entry's epoch is the day.
OF_DAY = """
SELECT position, raw FROM ledger_entry WHERE kind = 'judgement' AND node = :node AND epoch = :day ORDER BY first
"""
ALL = "SELECT position, raw FROM ledger_entry WHERE kind = 'judgement' ORDER BY position"
HELD = "SELECT position, row FROM uncounted WHERE admitted IS NULL AND position BETWEEN :low AND :high"

ADD = adding("tally_upheld", "minute", "window", "channel")
DROP = """
DELETE FROM tally_upheld WHERE minute = :minute AND "window" = :window AND channel = :channel
  AND satisfied = 0 AND basic = 0 AND dissatisfied = 0
"""

# By minute, window and channel.
Cells = Mapping[tuple[int, str, str], Counts]


async def of_day(connection: AsyncConnection, node: str, day: str) -> list[tuple[int, Filed]]:
    """Every judgement on a flag of `node` and `day` with its position, the newest last."""
    found = await fetch(connection, OF_DAY, (node, day))
    return [(int(position), opened(bytes(body))) for position, body in found]


async def raw(connection: AsyncConnection) -> list[tuple[int, bytes]]:
    """Every judgement as filed, with its position, the newest last."""
    return [(int(position), bytes(body)) for position, body in await fetch(connection, ALL)]


def newest(judgements: Iterable[tuple[int, Filed]]) -> Mapping[FlagKey, Filed]:
    """The judgement of each flag that counts."""
    return {one.judgement.flag: one for _, one in judgements}


async def counting(connection: AsyncConnection, numbers: Mapping[StreamKey, Ranges]) -> list[Rating]:
    """Those of `numbers` that count, by the first entry that gives each, as everywhere."""
    found: list[Rating] = []
    for stream, pairs in numbers.items():
        for first, last in pairs:
            entries = await overlapping(connection, stream, first, last)
            held = await fetch(connection, HELD, (min(entries), max(entries))) if entries else []
            given = ratings(iter(entries.items()), {(int(position), int(row)) for position, row in held})
            found += [rating for rating in given if rating.counted and first <= rating.seq <= last]
    return found


def cells(found: Iterable[Rating]) -> Cells:
    """`found` as counts."""
    by_level = Counter(
        ((one.at // MINUTE_MS, counter_of(one.window), channel_of(one.window)), one.level) for one in found
    )
    keys = dict.fromkeys(key for key, _ in by_level)
    return {key: (by_level[key, 3], by_level[key, 2], by_level[key, 1]) for key in keys}


async def add(connection: AsyncConnection, more: Cells) -> None:
    """Add counts, which may be negative; what is empty then goes."""
    await write(connection, ADD, [(*key, *counts) for key, counts in sorted(more.items())])
    await write(connection, DROP, sorted(more))
