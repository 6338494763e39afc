"""SQL of the trace: what the city's database says of one number of a node. Nothing is written."""

from collections.abc import Iterator, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import fetch, fetch_value
from cloud.ledger.rules import MINUTE_MS
from cloud.trace.facts import Destroyed, Facts, Greeting, Rating, Refused, State
from contract.batch import MAX_ROWS, Batch, StreamKey
from contract.bundle import Signed
from contract.codec import decode_as, stored_batch
from contract.errors import Reason
from contract.errors import Refused as Unreadable
from contract.hello import Hello
from contract.identity import channel_of, counter_of, township_of, window_id
from contract.ranges import Ranges
from proof.ledger import bounds_of

# No batch is longer than MAX_ROWS, so the search begins that far before the number.
ENTRIES = """
SELECT position, received_at, lane, raw FROM ledger_entry
WHERE kind = 'batch' AND node = :node AND first > :after AND first <= :until AND last >= :number
ORDER BY position
"""

HELD = "SELECT reason, admitted, refused FROM uncounted WHERE position = :position AND row = :row"

MINUTE = """
SELECT coalesce(sum(satisfied + basic + dissatisfied), 0) FROM tally_minute
WHERE minute = :minute AND "window" = :window AND channel = :channel
"""

CURSOR = "SELECT position FROM series_cursor WHERE id = 1"

HELLOS = "SELECT at, raw FROM hello WHERE node LIKE :township ORDER BY at"

QUARANTINED = "SELECT at, reason, raw FROM quarantine WHERE node = :node AND raw IS NOT NULL ORDER BY id"


async def look(connection: AsyncConnection, node: str, number: int) -> Facts:
    """Everything that the city has about `number` in any epoch of `node`."""
    hellos = await _hellos(connection, node)
    return Facts(
        ratings=await _ratings(connection, node, number),
        refused=await _refused(connection, node, number),
        greetings=list(_greetings(hellos, node, number)),
        destroyed=_destroyed(hellos, node, number),
    )


async def _ratings(connection: AsyncConnection, node: str, number: int) -> list[Rating]:
    found = await fetch(connection, ENTRIES, (node, number - MAX_ROWS, number, number))
    cursor = await fetch_value(connection, CURSOR) if found else None
    ratings = []
    for position, received_at, lane, raw in found:
        batch = stored_batch(bytes(raw))
        row = batch.rows[number - batch.first]
        window, minute = window_id(node, row.window), (batch.t0 + row.ms) // MINUTE_MS
        held = await fetch(connection, HELD, (position, number - batch.first))
        reason, admitted, refused = held[0] if held else (None, None, None)
        ratings.append(
            Rating(
                position=int(position),
                epoch=batch.epoch,
                first=batch.first,
                last=batch.last,
                received_at=int(received_at),
                lane=lane,
                at=batch.t0 + row.ms,
                quality=batch.q,
                window=window,
                level=row.level,
                presses=row.presses,
                state=_state(reason, admitted, refused),
                reason=reason,
                admitted=admitted,
                tallied=int(await fetch_value(connection, MINUTE, (minute, counter_of(window), channel_of(node)))),
                in_series=_fed(cursor, int(position), reason, admitted),
                bounds=bounds_of(batch, row.ms),
            )
        )
    return ratings


def _state(reason: str | None, admitted: int | None, refused: int | None) -> State:
    if refused is not None:
        return "refused"
    if admitted is not None:
        return "admitted"
    if reason is None:
        return "counted"
    return "conflict" if reason == Reason.CONFLICT.value else "held"


def _fed(cursor: int | None, position: int, reason: str | None, admitted: int | None) -> bool | None:
    """Whether the series has been fed what let the row count: its own entry, or the one that admitted it."""
    counting = position if reason is None else admitted
    return None if cursor is None or counting is None else cursor >= counting


async def _refused(connection: AsyncConnection, node: str, number: int) -> list[Refused]:
    refused = []
    for at, reason, raw in await fetch(connection, QUARANTINED, (node,)):
        batch = _batch(bytes(raw))
        if batch is not None and batch.first <= number <= batch.last:
            refused.append(Refused(batch.epoch, batch.first, batch.last, int(at), str(reason)))
    return refused


def _batch(raw: bytes) -> Batch | None:
    """The batch in quarantined bytes, where they are one."""
    try:
        return stored_batch(raw)
    except Unreadable:
        return None


async def _hellos(connection: AsyncConnection, node: str) -> list[tuple[int, Hello]]:
    """The hellos of the node's township and when they came (ms), the newest last."""
    found = await fetch(connection, HELLOS, (f"{township_of(node)}-%",))
    return [(int(at), decode_as(Signed.of(bytes(raw)).body, Hello)) for at, raw in found]


def _greetings(hellos: Sequence[tuple[int, Hello]], node: str, number: int) -> Iterator[Greeting]:
    for at, hello in hellos:
        told = {stream.key: Ranges(stream.has) for stream in hello.streams if stream.node == node}
        if hello.node == node:
            told.setdefault(StreamKey(node, hello.epoch), Ranges())
        for stream, has in told.items():
            last = hello.last if stream.epoch == hello.epoch and hello.node == node else 0
            if last or number in has:
                yield Greeting(hello.node, stream.epoch, last, at, number in has)


def _destroyed(hellos: Sequence[tuple[int, Hello]], node: str, number: int) -> tuple[Destroyed, ...]:
    """The node's newest word on each epoch in which it lost the number."""
    words: dict[str, Destroyed] = {}
    for at, hello in hellos:
        for stream, numbers in hello.destroyed().items() if hello.node == node else ():
            if number in numbers:
                words[stream.epoch] = Destroyed(node, stream.epoch, numbers, at)
    return tuple(words.values())
