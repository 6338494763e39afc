"""SQL of what nodes declare destroyed. Nothing is written: it stands in their hellos."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import fetch_value
from cloud.ledger.store import standing
from cloud.losses.rules import Loss, losses
from contract.bundle import Signed
from contract.codec import decode_as
from contract.hello import Hello
from contract.ranges import Ranges

# A disk is damaged once in many device-years: beyond so many, nobody reads each one's numbers.
MOST = 200
# Every hello declares all that its disk ever damaged.
NEWEST = "SELECT raw FROM hello WHERE node = :node ORDER BY at DESC LIMIT 1"


async def of_nodes(connection: AsyncConnection, damaged: Collection[str]) -> dict[str, list[Loss]]:
    """What the first `MOST` of the nodes that are `damaged` declare destroyed, by node."""
    return {node: await of_node(connection, node) for node in sorted(damaged)[:MOST]}


async def of_node(connection: AsyncConnection, node: str) -> list[Loss]:
    """What `node` declares destroyed in its newest hello."""
    raw = await fetch_value(connection, NEWEST, (node,))
    declared = {} if raw is None else decode_as(Signed.of(bytes(raw)).body, Hello).destroyed()
    given = await standing(connection, list(declared))
    return losses(declared, {stream: Ranges(pairs) for stream, pairs in given.items()})
