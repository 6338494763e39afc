"""SQL of the clocks that disagree."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.clocks.tables  # noqa: F401  (its table belongs to the schema)
from cloud.clocks.rules import Skew
from cloud.database import fetch, write

ALL = "SELECT node, off_ms, since, seen FROM skewed_clock ORDER BY node"

# It was seen to disagree before: since then.
PUT = """
INSERT INTO skewed_clock (node, off_ms, since, seen) VALUES (:node, :off_ms, :since, :seen)
ON CONFLICT (node) DO UPDATE SET off_ms = excluded.off_ms, seen = excluded.seen
"""

DROP = "DELETE FROM skewed_clock WHERE node = :node"


async def skews(connection: AsyncConnection) -> dict[str, Skew]:
    """Every clock that disagrees, by device."""
    found = await fetch(connection, ALL)
    return {str(node): Skew(str(node), int(off), int(since), int(seen)) for node, off, since, seen in found}


async def put(connection: AsyncConnection, found: Iterable[Skew]) -> None:
    """Keep that these disagree."""
    await write(connection, PUT, found)


async def drop(connection: AsyncConnection, nodes: Iterable[str]) -> None:
    """Forget these: they agree, or nobody hears them."""
    await write(connection, DROP, ((node,) for node in nodes))
