"""SQL of turns."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.rota.tables  # noqa: F401  (its tables belong to the schema)
from cloud.database import fetch, fetch_value, write
from cloud.rota.rules import Turn

# Those that hold, or will, at a moment: in all of the city as many as there are places, and a few substitutes.
FROM = """
SELECT place, valid_from, valid_to, a, b FROM turn
WHERE coalesce(valid_to, 9007199254740992) > :now AND coalesce(valid_to, -1) <> valid_from ORDER BY place, valid_from
"""

PUT = """
INSERT INTO turn (place, valid_from, valid_to, a, b) VALUES (:place, :valid_from, :valid_to, :a, :b)
ON CONFLICT (place, valid_from) DO UPDATE SET valid_to = excluded.valid_to, a = excluded.a, b = excluded.b
"""

# One that has not begun is taken back; what was, stays.
END = """
UPDATE turn SET valid_to = CASE WHEN valid_from > :now THEN valid_from ELSE :end END
WHERE place = :place AND valid_from = :valid_from AND coalesce(valid_to, 9007199254740992) > :later
  AND coalesce(valid_to, -1) <> valid_from
RETURNING a
"""


async def coming(connection: AsyncConnection, now: int) -> Sequence[Turn]:
    """The turns that hold at `now` (ms) or later, by place and beginning."""
    return [Turn(*row) for row in await fetch(connection, FROM, (now,))]


async def put(connection: AsyncConnection, turn: Turn) -> None:
    """Put `turn`, in place of one of its place that begins at the same moment."""
    await write(connection, PUT, [tuple(turn)])


async def end(connection: AsyncConnection, place: str, valid_from: int, now: int) -> str | None:
    """End the turn of `place` that begins at `valid_from`, at `now` (ms); whose it was, None: there is none to end."""
    ended: str | None = await fetch_value(connection, END, (now, now, place, valid_from, now))
    return ended
