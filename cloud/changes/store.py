"""SQL of changes."""

from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.changes.tables  # noqa: F401  (its table belongs to the schema)
from cloud.database import fetch, fetch_value, write

NEXT = """
INSERT INTO change_head (id, number) VALUES (1, 1)
ON CONFLICT (id) DO UPDATE SET number = change_head.number + 1 RETURNING number
"""

ADD = """
INSERT INTO change (number, at, who, what, subject, place, body)
VALUES (:number, :at, :who, :what, :subject, :place, :body)
"""

PAGE = """
SELECT number, at, who, what, subject, place, body FROM change
WHERE number < :before ORDER BY number DESC LIMIT :limit
"""


class Change(NamedTuple):
    """`who` did `what` to `subject`, which lies in `place`, at `at` (ms). `body`: more about it."""

    number: int
    at: int
    who: str
    what: str
    subject: str
    place: str
    body: dict[str, object]


async def note(
    connection: AsyncConnection,
    at: int,
    who: str,
    what: str,
    subject: str,
    place: str,
    **body: object,
) -> None:
    """Write down a change in the transaction that makes it."""
    number = await fetch_value(connection, NEXT)
    await write(connection, ADD, [(number, at, who, what, subject, place, msgspec.json.encode(body).decode())])


async def page(connection: AsyncConnection, before: int, limit: int) -> list[Change]:
    """Return changes with a number below `before`, the newest first."""
    rows = await fetch(connection, PAGE, (before, limit))
    return [
        Change(int(number), int(at), who, what, subject, place, msgspec.json.decode(body))
        for number, at, who, what, subject, place, body in rows
    ]
