"""SQL of the queue of notices."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.notices.tables  # noqa: F401  (its tables belong to the schema)
from cloud.database import fetch, fetch_value, write
from cloud.notices.letter import Letter
from cloud.notices.rules import LAST_MS, Notice

_COLUMNS = "number, at, recipient, channel, letter, attempts, next_at, sent_at, trouble"
LAST = "SELECT coalesce(max(number), 0) FROM notice"
PUT = f"""
INSERT INTO notice ({_COLUMNS})
VALUES (:number, :at, :recipient, :channel, :letter, :attempts, :next_at, :sent_at, :trouble)
"""  # noqa: S608  (our own columns, here and below)
# Whatever is to wait longer than anything does was queued by a clock that ran ahead.
DUE = f"""
SELECT {_COLUMNS} FROM notice WHERE channel = :channel AND (next_at <= :now OR next_at > :far)
ORDER BY next_at, number LIMIT :limit
"""  # noqa: S608
TRYING = "UPDATE notice SET attempts = attempts + 1, next_at = :next_at WHERE number = :number"
SENT = "UPDATE notice SET sent_at = :at, next_at = NULL, trouble = NULL WHERE number = :number"
FAILED = "UPDATE notice SET next_at = :next_at, trouble = :trouble WHERE number = :number"
# A life of its own anew, or it would be given up at the first failure.
AGAIN = """
UPDATE notice SET at = :at, next_at = :now, attempts = 0 WHERE number = :number AND sent_at IS NULL RETURNING recipient
"""
PAGE = f"SELECT {_COLUMNS} FROM notice WHERE number < :before ORDER BY number DESC LIMIT :limit"  # noqa: S608
WAITING = "SELECT count(*) FROM notice WHERE next_at IS NOT NULL"

_letter = msgspec.json.Decoder(Letter)
NEWEST = 1 << 53


async def put(connection: AsyncConnection, recipient: str, channels: Sequence[str], letter: Letter, now: int) -> None:
    """Queue `letter` to `recipient` once for each of `channels`, in the transaction that is its reason."""
    last = int(await fetch_value(connection, LAST))
    body = msgspec.json.encode(letter).decode()
    rows = [(n, now, recipient, channel, body, 0, now, None, None) for n, channel in enumerate(channels, last + 1)]
    await write(connection, PUT, rows)


async def due(connection: AsyncConnection, channel: str, now: int, limit: int) -> list[Notice]:
    """What is to be carried by `channel` at `now` (ms), what waits longest first."""
    return [_notice(row) for row in await fetch(connection, DUE, (channel, now, now + LAST_MS, limit))]


async def trying(connection: AsyncConnection, number: int, next_at: int | None) -> None:
    """Say that notice `number` is being carried, and when it is tried again unless something else is said."""
    await write(connection, TRYING, [(next_at, number)])


async def sent(connection: AsyncConnection, number: int, now: int) -> None:
    """Say that notice `number` has arrived."""
    await write(connection, SENT, [(now, number)])


async def failed(connection: AsyncConnection, number: int, next_at: int | None, trouble: str) -> None:
    """Say that it has not, and when it is tried again; None: no more."""
    await write(connection, FAILED, [(next_at, trouble, number)])


async def again(connection: AsyncConnection, number: int, now: int) -> str | None:
    """Try notice `number` anew from `now` on; to whom it goes, None: it has arrived, or there is none."""
    recipient: str | None = await fetch_value(connection, AGAIN, (now, now, number))
    return recipient


async def page(connection: AsyncConnection, before: int, limit: int) -> list[Notice]:
    """Notices numbered below `before`, the newest first."""
    return [_notice(row) for row in await fetch(connection, PAGE, (before, limit))]


async def waiting(connection: AsyncConnection) -> int:
    """How many are on their way."""
    return int(await fetch_value(connection, WAITING))


def _notice(row: Sequence[Any]) -> Notice:
    notice = Notice(*row)
    return notice._replace(letter=_letter.decode(row[4]))
