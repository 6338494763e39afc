"""SQL of published reports, which are ledger entries of their own kind."""

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import fetch, fetch_value
from proof.edition import Published, opened

# By the index `ledger_entry_reports`; such an entry's epoch is the period, its numbers are the edition's.
OF_PERIOD = "SELECT raw FROM ledger_entry WHERE kind = 'report' AND epoch = :period ORDER BY first DESC LIMIT 1"
NUMBERED = "SELECT raw FROM ledger_entry WHERE kind = 'report' AND epoch = :period AND first = :number"
NEWEST = "SELECT max(first) FROM ledger_entry WHERE kind = 'report' AND epoch = :period"
WHICH = "SELECT epoch, first FROM ledger_entry WHERE kind = 'report' ORDER BY epoch DESC, first DESC LIMIT :limit"
ALL = "SELECT raw FROM ledger_entry WHERE kind = 'report' ORDER BY epoch DESC, first DESC LIMIT :limit"


async def of_period(connection: AsyncConnection, period: str) -> Published | None:
    """The newest edition of `period`."""
    found = await fetch(connection, OF_PERIOD, (period,))
    return opened(bytes(found[0][0])) if found else None


async def raw(connection: AsyncConnection, period: str, number: int) -> bytes:
    """Edition `number` of `period`, which there is, as it was signed."""
    return bytes(await fetch_value(connection, NUMBERED, (period, number)))


async def numbered(connection: AsyncConnection, period: str, number: int) -> Published | None:
    """Edition `number` of `period`, where there is one."""
    found = await fetch(connection, NUMBERED, (period, number))
    return opened(bytes(found[0][0])) if found else None


async def newest(connection: AsyncConnection, count: int) -> list[Published]:
    """Up to `count` editions, those of the latest period first."""
    return [opened(bytes(raw)) for (raw,) in await fetch(connection, ALL, (count,))]


async def newest_number(connection: AsyncConnection, period: str) -> int:
    """The number of the newest edition of `period`; 0: there is none."""
    return int(await fetch_value(connection, NEWEST, (period,)) or 0)


async def which(connection: AsyncConnection, count: int) -> list[tuple[str, int]]:
    """The period and number of up to `count` editions."""
    return [(period, int(number)) for period, number in await fetch(connection, WHICH, (count,))]
