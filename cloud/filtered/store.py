"""SQL of what is flagged, counted by window and minute."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.filtered.tables  # noqa: F401  (its tables belong to the schema)
from cloud.calendar import MINUTE_MS
from cloud.database import write
from cloud.ledger.store import overlapping
from contract.batch import StreamKey
from contract.identity import channel_of, counter_of, window_id
from proof.scores import Counts

# Windows of one node lie between its name with a slash and with what comes after the slash.
FORGET = """
DELETE FROM tally_flagged
WHERE minute >= :first AND minute < :end AND "window" > :low AND "window" < :high AND channel = :channel
"""

COUNT = """
INSERT INTO tally_flagged (minute, "window", channel, satisfied, basic, dissatisfied)
VALUES (:minute, :window, :channel, :satisfied, :basic, :dissatisfied)
"""

CLEAR = "DELETE FROM tally_flagged"

# The first minute of a bucket of `width` minutes; wider ones are put together by the calendar.
BETWEEN = text("""
SELECT minute - minute % :width AS bucket, SUM(satisfied), SUM(basic), SUM(dissatisfied) FROM tally_flagged
WHERE minute BETWEEN :first AND :last AND "window" >= :low AND "window" <= :high AND channel = 'button'
GROUP BY minute - minute % :width
""")

# One range of numbers of a run: epoch, first, last.
Numbers = tuple[str, int, int]


async def recount(connection: AsyncConnection, node: str, span: tuple[int, int], flagged: Iterable[Numbers]) -> None:
    """Count the ratings `flagged` of `node` within `span` (ms, a day of it), in place of what was counted there."""
    begin, end = span[0] // MINUTE_MS, span[1] // MINUTE_MS
    counter, channel = counter_of(node), channel_of(node)
    await write(connection, FORGET, [(begin, end, f"{counter}/", f"{counter}0", channel)])
    cells: dict[tuple[int, str], list[int]] = {}
    for epoch, first, last in flagged:
        for at, window, level in await _given(connection, StreamKey(node, epoch), first, last):
            cells.setdefault((at // MINUTE_MS, window), [0, 0, 0])[3 - level] += 1
    await write(connection, COUNT, sorted((minute, window, channel, *n) for (minute, window), n in cells.items()))


async def clear(connection: AsyncConnection) -> None:
    """Count nothing as flagged any more."""
    await write(connection, CLEAR)


async def between(
    connection: AsyncConnection, names: tuple[str, str], first: int, last: int, *, width: int
) -> Mapping[int, Counts]:
    """What is flagged in the minutes `first` to `last` of the windows between two `names`, by buckets of `width`."""
    values = {"width": width, "first": first, "last": last, "low": names[0], "high": names[1]}
    return {int(minute): (int(s), int(b), int(d)) for minute, s, b, d in await connection.execute(BETWEEN, values)}


async def _given(
    connection: AsyncConnection, stream: StreamKey, first: int, last: int
) -> Sequence[tuple[int, str, int]]:
    """When (ms), at which window and with which level the numbers `first` to `last` were given, by the first entry."""
    given: dict[int, tuple[int, str, int]] = {}
    for batch in (await overlapping(connection, stream, first, last)).values():
        for number in range(max(first, batch.first), min(last, batch.last) + 1):
            row = batch.rows[number - batch.first]
            given.setdefault(number, (batch.t0 + row.ms, window_id(counter_of(batch.node), row.window), row.level))
    return [given[number] for number in sorted(given)]
