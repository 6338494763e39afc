"""SQL of seals, which are ledger entries of their own kind."""

from collections.abc import AsyncIterator, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import fetch
from proof.seals import Sealed, opened

# By the index `ledger_entry_seals`.
NEWEST = "SELECT raw FROM ledger_entry WHERE kind = 'seal' ORDER BY first DESC LIMIT :limit"
BELOW = "SELECT raw FROM ledger_entry WHERE kind = 'seal' AND first < :first ORDER BY first DESC LIMIT :limit"
NUMBERED = "SELECT raw FROM ledger_entry WHERE kind = 'seal' ORDER BY first LIMIT 1 OFFSET :skipped"
HEAD = "SELECT position FROM ledger_head WHERE id = 1"
ENTRIES = """
SELECT position, kind, raw FROM ledger_entry WHERE position >= :first AND position <= :last ORDER BY position
"""
# Some 300 kB of batches; hashing them takes a millisecond or two, and then whoever waits for the loop has its turn.
PAGE = 1_000


async def newest(connection: AsyncConnection, count: int) -> list[Sealed]:
    """The newest `count` seals, the newest first."""
    return [opened(bytes(raw)) for (raw,) in await fetch(connection, NEWEST, (count,))]


async def page(connection: AsyncConnection, first: int, count: int) -> list[Sealed]:
    """The newest `count` seals that begin before position `first`, the newest first."""
    return [opened(bytes(raw)) for (raw,) in await fetch(connection, BELOW, (first, count))]


async def numbered(connection: AsyncConnection, number: int) -> Sealed | None:
    """Seal `number`, where there is one."""
    # Seals are numbered from 1 without a gap, so its place among them is known; there are some hundred a year.
    found = await fetch(connection, NUMBERED, (number - 1,))
    return opened(bytes(found[0][0])) if found else None


async def head(connection: AsyncConnection) -> int:
    """The highest position given, 0 for none."""
    found = await fetch(connection, HEAD)
    return int(found[0][0]) if found else 0


async def entries(connection: AsyncConnection, first: int, last: int) -> AsyncIterator[Sequence[tuple[str, bytes]]]:
    """Kind and bytes of each entry from position `first` to `last`, in pages."""
    for begin in range(first, last + 1, PAGE):
        found = await fetch(connection, ENTRIES, (begin, min(last, begin + PAGE - 1)))
        yield [(str(kind), bytes(raw)) for _, kind, raw in found]
