"""SQL of the estimates; ingest writes them (`cloud.ledger.store`, `cloud.tallies.store`)."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

import cloud.ledger.tables
import cloud.tallies.tables  # noqa: F401  (the tables belong to the schema)
from cloud.database import fetch
from cloud.registry.snapshot import names_of

RANGES = """
SELECT position, node, epoch, first, last, at, earliest, latest FROM estimate
WHERE node >= :low AND node < :high AND position < :before ORDER BY position DESC LIMIT :limit
"""

MINUTES = text("""
SELECT minute, SUM(ratings) FROM tally_estimated
WHERE minute BETWEEN :first AND :last AND "window" >= :low AND "window" <= :high AND channel = 'button'
GROUP BY minute
""")
# Sorts behind every name of ours.
_BEYOND = "~"


async def ranges(connection: AsyncConnection, node: str, before: int, limit: int) -> list[tuple[Any, ...]]:
    """Up to `limit` ranges of nodes whose name begins with `node`, at positions below `before`, newest first."""
    return await fetch(connection, RANGES, (node, node + _BEYOND, before, limit))


class Minutes:
    """How many ratings stand in each minute by an estimate of their time."""

    def __init__(self, reader: AsyncEngine) -> None:
        self._reader = reader

    async def __call__(self, place: str, first: int, last: int) -> Mapping[int, int]:
        """Return the counts of `place` by minute number from `first` to `last`."""
        low, high = names_of(place)
        values = {"first": first, "last": last, "low": low, "high": high}
        async with self._reader.connect() as connection:
            found = await connection.execute(MINUTES, values)
            return {int(minute): int(ratings) for minute, ratings in found}
