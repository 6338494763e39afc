"""SQL of what the city signed itself and the ledger was not seen to have; each channel has a table of its own."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import HOUR_MS
from cloud.database import fetch, write
from contract.batch import StreamKey
from contract.identity import township_of


class Kept(NamedTuple):
    """A channel's statements. `waiting` gives node, epoch, first, last, raw and the position in the ledger, or NULL.

    It takes `:limit`. `settle` notes at `:at` (ms) that the ledger has `:node`, `:epoch`, `:first`. `prune` forgets
    what is not needed any more that came, or that the ledger was seen to have, by `:until` (ms), `keep_ms` ago; None:
    what was taken is asked for later too.
    """

    waiting: str
    settle: str
    prune: str | None = None
    keep_ms: int = 60 * 24 * HOUR_MS


class Waiting(NamedTuple):
    """Numbers `first` to `last` of `stream`, as signed; `settled`: the ledger has them."""

    stream: StreamKey
    first: int
    last: int
    raw: bytes
    settled: bool

    @property
    def township(self) -> str:
        """The township (9 digits) that it is of."""
        return township_of(self.stream.node)


async def waiting(connection: AsyncConnection, kept: Kept, limit: int) -> list[Waiting]:
    """Return up to `limit` batches that are not known to be in the ledger."""
    return [
        Waiting(StreamKey(str(node), str(epoch)), int(first), int(last), bytes(raw), position is not None)
        for node, epoch, first, last, raw, position in await fetch(connection, kept.waiting, (limit,))
    ]


async def settle(connection: AsyncConnection, kept: Kept, found: Sequence[Waiting], at: int) -> None:
    """Note at `at` (ms) that the ledger has these."""
    await write(connection, kept.settle, [(at, *one.stream, one.first) for one in found])


async def prune(connection: AsyncConnection, kept: Kept, now: int) -> None:
    """Forget what the channel has no further use for at `now` (ms)."""
    if kept.prune is not None:
        await write(connection, kept.prune, [(now - kept.keep_ms,)])
