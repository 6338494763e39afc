"""SQL of seals, which are ledger entries of their own kind."""

from collections.abc import AsyncIterator, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import fetch
from proof.seals import Sealed, opened

# By the index `ledger_entry_seals`: such an entry's `first` is the seal's number. A seal that a township handed back,
# of a ledger that was lost, is a witness.
NEWEST = """
SELECT raw FROM ledger_entry WHERE kind IN ('seal', 'witness') AND first < :below ORDER BY first DESC LIMIT :limit
"""
NUMBERED = "SELECT raw FROM ledger_entry WHERE kind IN ('seal', 'witness') AND first = :number"
OWN = """
SELECT raw FROM ledger_entry WHERE kind IN ('seal', 'witness') AND kind = 'seal' ORDER BY first DESC LIMIT 1
"""
HEAD = "SELECT position FROM ledger_head WHERE id = 1"
ENTRIES = """
SELECT position, kind, raw FROM ledger_entry WHERE position >= :first AND position <= :last ORDER BY position
"""
# Some 300 kB of batches; hashing them takes a millisecond or two, and then whoever waits for the loop has its turn.
PAGE = 1_000
_EVER = 1 << 53


async def newest(connection: AsyncConnection, count: int, below: int = _EVER) -> list[Sealed]:
    """The newest `count` seals whose numbers are `below` that, the newest first."""
    return [opened(bytes(raw)) for (raw,) in await fetch(connection, NEWEST, (below, count))]


async def own(connection: AsyncConnection) -> Sealed | None:
    """The newest seal that closed entries of this very ledger."""
    found = await fetch(connection, OWN)
    return opened(bytes(found[0][0])) if found else None


async def numbered(connection: AsyncConnection, number: int) -> Sealed | None:
    """Seal `number`, where there is one."""
    found = await fetch(connection, NUMBERED, (number,))
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
