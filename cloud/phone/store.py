"""SQL of ratings by telephone: numbers given, codes used, and what the ledger has not got yet."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.phone.tables  # noqa: F401  (its tables belong to the schema)
from cloud.database import fetch, write
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
SELECT r."window", r.minute, r.node, r.epoch, r.number, r.raw, (
  SELECT e.position FROM ledger_entry AS e
  WHERE e.kind = 'batch' AND e.node = r.node AND e.epoch = r.epoch AND e.first = r.number AND e.last = r.number
)
FROM phone_rating AS r WHERE r.settled IS NULL ORDER BY r.node, r.epoch, r.number LIMIT :limit
"""
# Not those that the ledger is not known to have, however old.
PRUNE = "DELETE FROM phone_rating WHERE settled <= :until"
SETTLE = 'UPDATE phone_rating SET settled = :at WHERE "window" = :window AND minute = :minute'


class Waiting(NamedTuple):
    """A rating that was taken: number `number` of `stream`, as signed; `settled`: the ledger has it."""

    window: str
    minute: int
    stream: StreamKey
    number: int
    raw: bytes
    settled: bool


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


async def waiting(connection: AsyncConnection, limit: int) -> list[Waiting]:
    """Return up to `limit` ratings that are not known to be in the ledger."""
    return [
        Waiting(
            str(window), int(minute), StreamKey(str(node), str(epoch)), int(number), bytes(raw), position is not None
        )
        for window, minute, node, epoch, number, raw, position in await fetch(connection, WAITING, (limit,))
    ]


async def settle(connection: AsyncConnection, found: Sequence[Waiting], at: int) -> None:
    """Note at `at` (ms) that the ledger has these."""
    await write(connection, SETTLE, [(at, one.window, one.minute) for one in found])


async def prune(connection: AsyncConnection, until: int) -> None:
    """Forget what the ledger was seen to have by `until` (ms); it has that, and those codes are long over."""
    await write(connection, PRUNE, [(until,)])
