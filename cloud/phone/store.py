"""SQL of ratings by telephone: numbers given, codes used, and what the ledger has not got yet."""

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.phone.tables  # noqa: F401  (its tables belong to the schema)
from cloud.database import fetch
from cloud.spoken.store import Kept
from contract.batch import StreamKey
from contract.codec import stored_batch
from contract.rating import Level

# The next number of a stream; until the commit nobody else is given one of it.
NEXT = """
INSERT INTO phone_stream (node, epoch, last, begun) VALUES (:node, :epoch, 1, :begun)
ON CONFLICT (node, epoch) DO UPDATE SET last = phone_stream.last + 1 RETURNING last
"""
BEFORE = """
SELECT epoch, last FROM phone_stream WHERE node = :node AND epoch <> :epoch ORDER BY begun DESC, epoch LIMIT 1
"""
TAKE = """
INSERT INTO phone_rating ("window", minute, receipt, node, epoch, number, at, raw)
VALUES (:window, :minute, :receipt, :node, :epoch, :number, :at, :raw)
ON CONFLICT ("window", minute) DO NOTHING RETURNING number
"""
USED = 'SELECT receipt, raw FROM phone_rating WHERE "window" = :window AND minute = :minute'
# With the position at which the ledger has it, if it has.
WAITING = """
SELECT r.node, r.epoch, r.number, r.number, r.raw, (
  SELECT e.position FROM ledger_entry AS e
  WHERE e.kind = 'batch' AND e.node = r.node AND e.epoch = r.epoch AND e.first = r.number AND e.last = r.number
)
FROM phone_rating AS r WHERE r.settled IS NULL ORDER BY r.node, r.epoch, r.number LIMIT :limit
"""
SETTLE = """
UPDATE phone_rating SET settled = :at WHERE node = :node AND epoch = :epoch AND number = :first AND settled IS NULL
"""
# Not those that the ledger is not known to have, however old; those codes are long over.
PRUNE = "DELETE FROM phone_rating WHERE settled <= :until"
KEPT = Kept(WAITING, SETTLE, PRUNE)


async def next_number(connection: AsyncConnection, stream: StreamKey, now: int) -> tuple[int, tuple[str, int] | None]:
    """Give the next number of `stream`; with its first one, the stream before it of that node and the last of that."""
    ((number,),) = await fetch(connection, NEXT, (*stream, now))
    before = await fetch(connection, BEFORE, stream) if number == 1 else []
    return int(number), next(((str(epoch), int(last)) for epoch, last in before), None)


async def take(
    connection: AsyncConnection, code: tuple[str, int], receipt: str, rated: tuple[StreamKey, int], at: int, raw: bytes
) -> bool:
    """Keep the batch `raw`, which `rated` (stream, number) at `at` (ms), by the `code` (window, minute).

    False, and then nothing was kept, where that was used before.
    """
    stream, number = rated
    return bool(await fetch(connection, TAKE, (*code, receipt, *stream, number, at, raw)))


async def use_of(connection: AsyncConnection, code: tuple[str, int]) -> tuple[str, Level] | None:
    """Return by which receipt the `code` (window, minute) was used, and for which level; None where it was not."""
    found = await fetch(connection, USED, code)
    return next(((str(receipt), Level(stored_batch(bytes(raw)).rows[0].level)) for receipt, raw in found), None)
