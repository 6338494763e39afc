"""SQL of the quarantine."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.quarantine.tables  # noqa: F401  (its tables belong to the schema)
from cloud.database import fetch, fetch_value, write
from cloud.quarantine.rules import BYTES_KEPT, HOUR_MS, Poison, lines

# At most KEPT_AN_HOUR rows, plus one a reason.
THIS_HOUR = "SELECT reason, digest FROM quarantine WHERE hour = :hour AND township = :township"

KEEP = """
INSERT INTO quarantine (hour, township, reason, digest, at, last_at, node, detail, size, raw, count)
VALUES (:hour, :township, :reason, :digest, :at, :last_at, :node, :detail, :size, :raw, :count)
ON CONFLICT (hour, township, reason, digest) DO UPDATE SET
    last_at = excluded.last_at, count = quarantine.count + excluded.count
"""

DROP_BYTES = """
UPDATE quarantine SET raw = NULL
WHERE raw IS NOT NULL AND id <= (SELECT id FROM quarantine WHERE raw IS NOT NULL ORDER BY id DESC LIMIT 1 OFFSET :kept)
"""

LIST = """
SELECT id, at, last_at, township, node, reason, detail, digest, size, count
FROM quarantine WHERE id < :before ORDER BY id DESC LIMIT :limit
"""

BYTES = "SELECT raw FROM quarantine WHERE id = :id"

COUNT_SINCE = "SELECT reason, sum(count) FROM quarantine WHERE hour >= :since GROUP BY reason"


async def keep(connection: AsyncConnection, poisons: Iterable[Poison], at: int) -> None:
    """Keep or count `poisons`, refused at `at` (ms), within the transaction of `connection`."""
    known: list[tuple[str, str, str]] = []
    kept: dict[str, int] = {}
    poisons = list(poisons)
    for township in dict.fromkeys(bad.township for bad in poisons):
        found = await fetch(connection, THIS_HOUR, (at // HOUR_MS, township))
        here = [(township, str(reason), str(digest)) for reason, digest in found]
        kept[township] = sum(digest != "" for _, _, digest in here)
        known.extend(here)
    rows = [(*line[:5], at, *line[5:]) for line in lines(poisons, at, kept, known)]
    if rows:
        await write(connection, KEEP, rows)
        await write(connection, DROP_BYTES, [(BYTES_KEPT,)])


async def page(connection: AsyncConnection, limit: int, before: int) -> list[tuple[Any, ...]]:
    """Up to `limit` rows with an id below `before`, newest first, without their bytes; the columns of `LIST`."""
    return await fetch(connection, LIST, (before, limit))


async def raw(connection: AsyncConnection, id_: int) -> bytes | None:
    """The bytes kept of row `id_`, or None."""
    found = await fetch_value(connection, BYTES, (id_,))
    return None if found is None else bytes(found)


async def count_since(connection: AsyncConnection, since: int) -> dict[str, int]:
    """How many inputs were refused since `since` (ms), by reason, in rows whose hour began then or later."""
    return {str(reason): int(count) for reason, count in await fetch(connection, COUNT_SINCE, (since // HOUR_MS,))}
