"""SQL of held rows, and the ledger entry in which somebody decides about them."""

from collections import Counter
from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import Calendar
from cloud.database import Database, fetch, fetch_value, write
from cloud.held.rules import Row, Ruling
from cloud.ledger import admission, follower
from cloud.ledger.admission import Admission
from cloud.ledger.commit import Commit
from cloud.ledger.store import Entry, Head, append
from cloud.tallies import store as tallies
from contract.batch import Batch
from contract.codec import stored_batch
from contract.errors import Reason
from contract.identity import window_id

# Rows of one ruling: an admission names no more either.
MOST = admission.PAGE

HELD = """
SELECT u.position, u.row, u.reason, e.raw FROM uncounted AS u JOIN ledger_entry AS e ON e.position = u.position
WHERE u.admitted IS NULL AND u.refused IS NULL AND u.position >= :low AND u.position <= :high
ORDER BY u.position, u.row LIMIT :limit
"""

RAW = "SELECT raw FROM ledger_entry WHERE position = :position"
# The ledger's lock, until the commit.
LOCK = "UPDATE ledger_head SET position = position"
REFUSE = "UPDATE uncounted SET refused = :refused WHERE position = :position AND row = :row"


async def rows(connection: AsyncConnection, low: int, high: int, limit: int = MOST) -> list[Row]:
    """Up to `limit` held rows of the entries at positions `low` to `high` that nobody has decided about."""
    found = []
    for position, row, reason, raw in await fetch(connection, HELD, (low, high, limit)):
        batch = stored_batch(bytes(raw))
        rating = batch.rows[row]
        window = window_id(batch.node, rating.window)
        found.append(Row(int(position), int(row), Reason(reason), window, batch.t0 + rating.ms))
    return found


async def rule(
    database: Database, ruling: Ruling, chosen: Sequence[Row], *, by: str, why: str, at: int, calendar: Calendar
) -> tuple[int, int]:
    """Enter at city time `at` (ms) that `by` decided so about `chosen`, and why; the entry's position, and how many.

    One transaction, as every commit is: whoever follows the ledger hears of it. What was decided meanwhile stands;
    where that is all of it no entry is made, and the position is 0.
    """
    async with database.writer.begin() as connection:
        await write(connection, LOCK)
        still = {row[:2] for row in await rows(connection, chosen[0].position, chosen[-1].position)}
        chosen = [row for row in chosen if row[:2] in still]
        if not chosen:
            return 0, 0
        places = [row[:2] for row in chosen]
        body = msgspec.json.encode({ruling: places, "by": by, "why": why})
        head = await append(connection, [Entry(ruling, "", "", 0, 0, at, "", body)])
        admitted = Admission([], {}, {})
        if ruling == "admit":
            for row in chosen:
                admitted.add(row[:2], row.window, await _batch(connection, row.position))
            await admission.admit(connection, places, head.position)
            await tallies.add(connection, admitted.cells, calendar)
            await tallies.add_estimated(connection, admitted.estimated)
        else:
            await write(connection, REFUSE, ((head.position, *place) for place in places))
        if database.shared:
            await follower.publish(connection, _commit(head, at, chosen, admitted))
    return head.position, len(chosen)


async def _batch(connection: AsyncConnection, position: int) -> Batch:
    return stored_batch(bytes(await fetch_value(connection, RAW, (position,))))


def _commit(head: Head, at: int, chosen: Sequence[Row], admitted: Admission) -> Commit:
    held = Counter({reason: -rows for reason, rows in Counter(row.reason for row in chosen).items()})
    return Commit(
        *(head.commits, head.position, at, admitted.cells, (), (), 0, -len(chosen)),
        held=held,
        estimated=admitted.estimated,
    )
