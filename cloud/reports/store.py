"""SQL of published reports, which are ledger entries of their own kind, and of what they are made from."""

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import fetch
from cloud.ledger.rules import BUTTON
from proof.edition import Published, opened
from proof.scores import Counts

# By the index `ledger_entry_reports`; such an entry's epoch is the period, its numbers are the edition's.
OF_PERIOD = "SELECT raw FROM ledger_entry WHERE kind = 'report' AND epoch = :period ORDER BY first DESC LIMIT :limit"
NUMBERED = "SELECT raw FROM ledger_entry WHERE kind = 'report' AND epoch = :period AND first = :number"
ALL = "SELECT raw FROM ledger_entry WHERE kind = 'report' ORDER BY epoch DESC, first DESC LIMIT :limit"

BY_WINDOW = """
SELECT "window", sum(satisfied), sum(basic), sum(dissatisfied) FROM tally_day
WHERE channel = :channel AND day >= :first AND day <= :last GROUP BY "window"
"""


async def of_period(connection: AsyncConnection, period: str) -> Published | None:
    """The newest edition of `period`."""
    found = await fetch(connection, OF_PERIOD, (period, 1))
    return opened(bytes(found[0][0])) if found else None


async def numbered(connection: AsyncConnection, period: str, number: int) -> Published | None:
    """Edition `number` of `period`, where there is one."""
    found = await fetch(connection, NUMBERED, (period, number))
    return opened(bytes(found[0][0])) if found else None


async def newest(connection: AsyncConnection, count: int) -> list[Published]:
    """Up to `count` editions, those of the latest period first."""
    return [opened(bytes(raw)) for (raw,) in await fetch(connection, ALL, (count,))]


async def by_window(connection: AsyncConnection, first: str, last: str) -> dict[str, Counts]:
    """By window, the ratings of the days from `first` to `last`: satisfied, basic, dissatisfied."""
    found = await fetch(connection, BY_WINDOW, (BUTTON, first, last))
    return {str(window): (int(good), int(basic), int(bad)) for window, good, basic, bad in found}
