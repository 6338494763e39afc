"""Days of ratings written straight into a city's database, as if nodes had sent them: what a copy or a recount moves.

The batches are whole but for their signatures, which nobody looks at in the ledger.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from random import Random
from typing import NamedTuple

from cloud.calendar import MINUTE_MS, Calendar
from cloud.database import Database
from cloud.ledger import store as ledger
from cloud.ledger.cells import ONE
from cloud.ledger.store import Entry
from cloud.tallies import store as tallies
from contract.batch import Batch
from contract.codec import encode
from contract.identity import EPOCH_BITS, epoch_text, window_id
from contract.rating import Quality, Row

WINDOWS_A_NODE = 4
OPEN_MINUTES = 480
_GROUP = 1_000
_NO_SIGNATURE = b"\n" + b"A" * 86


class Days(NamedTuple):
    """`ratings` in all, spread evenly over `nodes` and `days` of eight hours from `begin` (ms) on, in batches."""

    ratings: int
    nodes: Sequence[str]
    days: int
    begin: int
    a_batch: int = 10


async def fill(
    database: Database, calendar: Calendar, plan: Days, *, seed: int = 1, tell: Callable[[int], None] = lambda _: None
) -> int:
    """Write what `plan` says; how many ratings it came to. `tell` hears of ratings written so far."""
    written = 0
    batches = _batches(plan, Random(seed))
    while group := list(islice(batches, _GROUP)):
        cells: dict[tuple[str, int], int] = {}
        for batch in group:
            for row in batch.rows:
                key = (window_id(batch.node, row.window), (batch.t0 + row.ms) // MINUTE_MS)
                cells[key] = cells.get(key, 0) + ONE[row.level]
        async with database.writer.begin() as connection:
            await ledger.append(connection, [_entry(batch) for batch in group])
            await tallies.add(connection, cells, calendar)
        written += sum(len(batch.rows) for batch in group)
        tell(written)
    return written


def _batches(plan: Days, random: Random) -> Iterator[Batch]:
    """Day by day and node by node, each node under a new epoch every day."""
    each = plan.ratings // (len(plan.nodes) * plan.days)
    apart = OPEN_MINUTES * MINUTE_MS // max(1, each)
    for day in range(plan.days):
        opening = plan.begin + day * 24 * 60 * MINUTE_MS
        for node in plan.nodes:
            epoch = epoch_text(random.getrandbits(EPOCH_BITS))
            for first in range(0, each, plan.a_batch):
                rows = [
                    Row(at * apart, f"{1 + random.randrange(WINDOWS_A_NODE):02d}", random.choice((3, 3, 3, 2, 1)), 1)
                    for at in range(min(plan.a_batch, each - first))
                ]
                yield Batch(1, node, epoch, first + 1, opening + first * apart, Quality.SYNCHRONISED, rows)


def _entry(batch: Batch) -> Entry:
    raw = encode(batch) + _NO_SIGNATURE
    received = batch.t0 + batch.rows[-1].ms
    return Entry("batch", batch.node, batch.epoch, batch.first, batch.last, received, "live", raw)
