"""A ledger and its tallies, put there without the city: what tests of the series begin from."""

import time
from collections.abc import Mapping

from cloud.calendar import HOUR_MS, Calendar
from cloud.database import Database
from cloud.ledger.cells import number_of
from cloud.ledger.rules import MINUTE_MS
from cloud.ledger.store import Entry, append
from cloud.tallies import store as tallies
from contract.batch import MAX_ROWS, Batch
from contract.codec import encode
from contract.rating import Quality, Row
from proof.scores import Counts

EPOCH = "q7Zk2wX0aB"
CALENDAR = Calendar("Asia/Shanghai")
# The present of these tests. No fixed date: InfluxDB goes by its own clock in what it refuses as too old.
NOON = CALENDAR.start(CALENDAR.last_days(CALENDAR.day(time.time_ns() // 1_000_000), 2)[0]) + 12 * HOUR_MS
TODAY = CALENDAR.day(NOON)


def batch_entry(batch: Batch) -> Entry:
    """The ledger entry of `batch`; nobody asks for its signature here."""
    raw = encode(batch) + b"\nsigned"
    return Entry("batch", batch.node, batch.epoch, batch.first, batch.last, batch.t0, "live", raw)


def batches(cells: Mapping[tuple[str, int], Counts], epoch: str = EPOCH) -> list[Batch]:
    """Batches of ratings that give `cells`: counts by (window, minute)."""
    rows: dict[str, list[tuple[int, str, int]]] = {}
    for (window, minute), n in cells.items():
        node, _, short = window.partition("/")
        of_node = rows.setdefault(node, [])
        levels = [3] * n[0] + [2] * n[1] + [1] * n[2]
        of_node.extend((minute * MINUTE_MS + 1000 + 7 * index, short, level) for index, level in enumerate(levels))
    made = []
    for node, ratings in rows.items():
        ratings.sort()
        for begin in range(0, len(ratings), MAX_ROWS):
            part = ratings[begin : begin + MAX_ROWS]
            content = [Row(at - part[0][0], short, level, 1 + level) for at, short, level in part]
            made.append(Batch(1, node, epoch, begin + 1, part[0][0], Quality.SYNCHRONISED, content))
    return made


async def fill(
    database: Database, cells: Mapping[tuple[str, int], Counts], calendar: Calendar, epoch: str = EPOCH
) -> int:
    """Commit ratings that give `cells`, with their tallies; the ledger's head."""
    async with database.writer.begin() as connection:
        head = await append(connection, [batch_entry(batch) for batch in batches(cells, epoch)])
        await tallies.add(connection, {key: number_of(n) for key, n in cells.items()}, calendar)
    return head.position
