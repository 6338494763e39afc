"""SQL of visits: taking in what the ledger says, and adding it up by window."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.visits.tables  # noqa: F401  (its tables belong to the schema)
from cloud.database import fetch, fetch_value, write
from contract.rating import Became, Level
from proof.turnout import Turnout
from proof.visits import Visits

CURSOR = "SELECT position, zone FROM visit_cursor WHERE id = 1"
BEGIN_CURSOR = "INSERT INTO visit_cursor (id, position, zone) VALUES (1, 0, '') ON CONFLICT (id) DO NOTHING"
# Of two who follow at the same time only one gets ahead.
MOVE = """
UPDATE visit_cursor SET position = :position, zone = :zone
WHERE id = 1 AND position = :before AND zone = :zone_before RETURNING position
"""
CLEAR = "DELETE FROM visit"

# Told twice it is one: what was told first stands.
ASKED = """
INSERT INTO visit (node, token, "window", day, item, asked, became, ratings)
VALUES (:node, :token, :window, :day, :item, :asked, :became, 0)
ON CONFLICT (node, token) DO UPDATE SET "window" = excluded."window", day = excluded.day, item = excluded.item,
    asked = excluded.asked, became = excluded.became
WHERE visit.became IS NULL
"""
# Of several ratings the one that stands first is the visit's, whichever is taken in first.
RATED = """
INSERT INTO visit (node, token, "window", day, ratings, level, position, number)
VALUES (:node, :token, :window, :day, 1, :level, :position, :number)
ON CONFLICT (node, token) DO UPDATE SET ratings = visit.ratings + 1,
    level = CASE WHEN visit.position IS NULL OR (excluded.position, excluded.number) < (visit.position, visit.number)
        THEN excluded.level ELSE visit.level END,
    position = CASE WHEN visit.position IS NULL OR (excluded.position, excluded.number) < (visit.position, visit.number)
        THEN excluded.position ELSE visit.position END,
    number = CASE WHEN visit.position IS NULL OR (excluded.position, excluded.number) < (visit.position, visit.number)
        THEN excluded.number ELSE visit.number END
"""

BETWEEN = f"""
SELECT "window", count(became),
    {", ".join(f"count(CASE WHEN became IS NOT NULL AND level = {level:d} THEN 1 END)" for level in Level)},
    count(CASE WHEN ratings = 0 AND became = {Became.SILENT:d} THEN 1 END),
    count(CASE WHEN ratings = 0 AND became = {Became.UNSHOWN:d} THEN 1 END),
    count(CASE WHEN ratings = 0 AND became = {Became.RATED:d} THEN 1 END),
    coalesce(sum(CASE WHEN became IS NULL THEN ratings WHEN ratings > 1 THEN ratings - 1 ELSE 0 END), 0)
FROM visit WHERE "window" >= :low AND "window" <= :high AND day >= :first AND day <= :last
GROUP BY "window" ORDER BY "window"
"""  # noqa: S608  (our own numbers)


# By the index `visit_of_day`.
OF_DAY = f"""
SELECT count(*), {", ".join(f"count(CASE WHEN level = {level:d} THEN 1 END)" for level in Level)}
FROM visit WHERE day = :day AND asked < :before AND became IS NOT NULL
"""  # noqa: S608  (our own numbers)


class Cursor(NamedTuple):
    """Every entry up to `position` was taken in, its days in `zone`; "" before the first."""

    position: int
    zone: str


class Asked(NamedTuple):
    """A visit as a gateway tells it; `asked` in ms."""

    node: str
    token: str
    window: str
    day: str
    item: str | None
    asked: int
    became: int


class Rated(NamedTuple):
    """A rating that carries a token, which stands as `number` at `position`."""

    node: str
    token: str
    window: str
    day: str
    level: int
    position: int
    number: int


async def cursor(connection: AsyncConnection) -> Cursor:
    """How far it is."""
    found = await fetch(connection, CURSOR)
    return Cursor(int(found[0][0]), str(found[0][1])) if found else Cursor(0, "")


async def move(connection: AsyncConnection, before: Cursor, after: Cursor) -> bool:
    """Set the cursor from `before` to `after`; False when it does not stand there."""
    await write(connection, BEGIN_CURSOR)
    return await fetch_value(connection, MOVE, (*after, *before)) is not None


async def clear(connection: AsyncConnection) -> None:
    """Forget all that follows from the ledger."""
    await write(connection, CLEAR)


async def take(connection: AsyncConnection, asked: Iterable[Asked], rated: Iterable[Rated]) -> None:
    """Take in what a stretch of the ledger says."""
    await write(connection, ASKED, asked)
    await write(connection, RATED, rated)


async def between(connection: AsyncConnection, names: tuple[str, str], first: str, last: str) -> Mapping[str, Visits]:
    """By window, what became of the visits on the days `first` to `last` at the windows between two `names`."""
    found = await fetch(connection, BETWEEN, (*names, first, last))
    return {str(window): _visits(*map(int, figures)) for window, *figures in found}


async def of_day(connection: AsyncConnection, day: str, before: int) -> Turnout:
    """How many were to be asked in the whole city on `day` before that moment (ms), and how they rated."""
    ((asked, satisfied, basic, dissatisfied),) = await fetch(connection, OF_DAY, (day, before))
    return int(asked), int(satisfied), int(basic), int(dissatisfied)


def _visits(
    asked: int, satisfied: int, basic: int, dissatisfied: int, silent: int, unshown: int, missing: int, surplus: int
) -> Visits:
    return Visits(asked, (satisfied, basic, dissatisfied), silent, unshown, missing, surplus)
