"""SQL of reasons. A rating has one; a case shows those of the ratings that are seen, however late it was opened."""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.cases.tables
import cloud.phone.tables
import cloud.reasons.tables  # noqa: F401  (their tables belong to the schema)
from cloud.cases.veil import Viewer
from cloud.database import fetch
from cloud.reasons.rules import Left, Told
from contract.codec import stored_batch
from contract.rating import Level

# By the window and the minutes of its codes: those are the key.
RATED = """
SELECT node, epoch, number, at, raw FROM phone_rating
WHERE "window" = :window AND minute >= :since AND receipt = :receipt ORDER BY minute DESC LIMIT 1
"""
PUT = """
INSERT INTO phone_reason (node, epoch, seq, reason, text, left_at)
VALUES (:node, :epoch, :seq, :reason, :text, :left_at)
ON CONFLICT (node, epoch, seq) DO NOTHING RETURNING seq
"""
OF_CASE = """
SELECT q.reason, q.text FROM case_rating AS r
JOIN phone_reason AS q ON q.node = r.node AND q.epoch = r.epoch AND q.seq = r.seq
WHERE r."case" = :case AND r.seen_from <= :until AND (q.reason <> '' OR q.text <> '')
ORDER BY r.at, r.node, r.epoch, r.seq
"""

# Node, epoch and seq.
Number = tuple[str, str, int]


class Rated(NamedTuple):
    """A rating by telephone: its number, when it was taken (ms), and its level."""

    number: Number
    at: int
    level: Level


async def rated(connection: AsyncConnection, window: str, receipt: str, since: int) -> Rated | None:
    """The newest rating of `window` by this `receipt` whose code is of the minute `since` or later; None: none."""
    found = await fetch(connection, RATED, (window, since, receipt))
    return next(
        (
            Rated((str(node), str(epoch), int(number)), int(at), Level(stored_batch(bytes(raw)).rows[0].level))
            for node, epoch, number, at, raw in found
        ),
        None,
    )


async def put(connection: AsyncConnection, number: Number, left: Left, at: int) -> bool:
    """Keep what was `left` at `at` (ms), without its contact; False where something was before."""
    return bool(await fetch(connection, PUT, (*number, left.reason, left.text, at)))


async def of_case(connection: AsyncConnection, case: int, viewer: Viewer) -> list[Told]:
    """The reasons of those ratings of a case that `viewer` sees, the earliest rating first."""
    return [Told(str(reason), str(text)) for reason, text in await fetch(connection, OF_CASE, (case, viewer.until))]
