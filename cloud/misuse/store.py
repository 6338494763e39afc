"""SQL of what may be misuse: what was seen, who is due to be judged, and the flags."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.misuse.tables  # noqa: F401  (its tables belong to the schema)
from cloud.calendar import Calendar
from cloud.database import fetch, fetch_value, write
from cloud.misuse.rules import Flag
from cloud.misuse.sight import Seen, packed, unpacked
from contract.identity import window_id

CURSOR = "SELECT position, over, basis FROM misuse_cursor WHERE id = 1"
BEGIN_CURSOR = "INSERT INTO misuse_cursor (id, position, over, basis) VALUES (1, 0, '', '') ON CONFLICT (id) DO NOTHING"
# Of two who follow at the same time only one gets ahead; until the commit nobody else does.
MOVE = """
UPDATE misuse_cursor SET position = :position, over = :over, basis = :basis
WHERE id = 1 AND position = :before AND over = :over_before AND basis = :basis_before RETURNING position
"""

CLEAR = ("DELETE FROM misuse_flag", "DELETE FROM misuse_day", "DELETE FROM misuse_node")

DAYS_OF = "SELECT day, part, body FROM misuse_day WHERE node = :node AND day >= :first ORDER BY day, part"
FIRST_DAY = "SELECT MIN(day) FROM misuse_day WHERE node = :node"
KEEP = "INSERT INTO misuse_day (node, day, part, body) VALUES (:node, :day, :part, :body)"
SCATTERED = "DELETE FROM misuse_day WHERE node = :node AND day = :day"

NODES = "SELECT node, basis FROM misuse_node ORDER BY node"
DUE = "SELECT node, due, basis FROM misuse_node WHERE due <= :day ORDER BY node LIMIT :limit"
# Judged from the earlier of two days on.
MARK = """
INSERT INTO misuse_node (node, due, basis) VALUES (:node, :due, :basis)
ON CONFLICT (node) DO UPDATE SET
    due = CASE WHEN excluded.due < misuse_node.due THEN excluded.due ELSE misuse_node.due END, basis = excluded.basis
"""
MARK_ALL = "UPDATE misuse_node SET due = :due WHERE due > :same_due"
JUDGED = "UPDATE misuse_node SET due = :due WHERE node = :node AND due = :before AND basis = :basis RETURNING due"
# As if nothing had been seen: whoever finds it so starts over.
PLACE = "UPDATE misuse_cursor SET position = 0, over = '', basis = ''"
ROWS = 'SELECT node, day, rule, "window", began, ended, version, size, ratings, figures FROM misuse_flag'

FLAGS_SINCE = """
SELECT rule, version, "window", day, began, ended, ratings, figures FROM misuse_flag
WHERE node = :node AND day >= :first ORDER BY day, rule, "window", began
"""
NODES_FLAGGED = """
SELECT DISTINCT node FROM misuse_flag WHERE day = :day AND "window" >= :low AND "window" <= :high ORDER BY node
"""
FORGET_DAY = "DELETE FROM misuse_flag WHERE node = :node AND day = :day"
FLAG = """
INSERT INTO misuse_flag (node, day, rule, "window", began, ended, version, size, ratings, figures)
VALUES (:node, :day, :rule, :window, :began, :ended, :version, :size, :ratings, :figures)
"""

PAGE = """
SELECT rule, version, "window", day, began, ended, size, ratings, figures FROM misuse_flag
WHERE (began, "window", rule) < (:began, :window, :rule) AND began < :until AND began >= :since
  AND "window" >= :low AND "window" <= :high
ORDER BY began DESC, "window" DESC, rule DESC LIMIT :limit
"""
COUNTS = """
SELECT rule, count(*), coalesce(sum(size), 0) FROM misuse_flag
WHERE began < :until AND began >= :since AND "window" >= :low AND "window" <= :high GROUP BY rule ORDER BY rule
"""

_ratings = msgspec.json.Decoder(list[tuple[str, int, int]])
_figures = msgspec.json.Decoder(dict[str, int | float | str])
Key = tuple[str, str]


class Cursor(NamedTuple):
    """Every entry up to `position` was seen, by `basis`, and the days up to `over` had ended; "" before the first."""

    position: int
    over: str
    basis: str


class Day(NamedTuple):
    """What was seen of a node's day: the ratings by time, and in how many parts it is kept, up to which."""

    ratings: Sequence[Seen]
    parts: int
    last: int


class Due(NamedTuple):
    """A node that is to be judged from the day `first` on, by `basis`."""

    node: str
    first: str
    basis: str


async def cursor(connection: AsyncConnection) -> Cursor:
    """How far it is."""
    found = await fetch(connection, CURSOR)
    return Cursor(*found[0]) if found else Cursor(0, "", "")


async def move(connection: AsyncConnection, before: Cursor, after: Cursor) -> bool:
    """Set the cursor from `before` to `after`, also where they are the same; False when it does not stand there."""
    await write(connection, BEGIN_CURSOR)
    return await fetch_value(connection, MOVE, (*after, *before)) is not None


async def clear(connection: AsyncConnection) -> None:
    """Forget all that follows from the ledger."""
    for statement in CLEAR:
        await write(connection, statement)


async def days_of(connection: AsyncConnection, node: str, first: str, calendar: Calendar) -> dict[str, Day]:
    """What was seen of `node` on each day from `first` on."""
    return await asyncio.to_thread(_days, await fetch(connection, DAYS_OF, (node, first)), calendar)


def _days(kept: Iterable[tuple[Any, ...]], calendar: Calendar) -> dict[str, Day]:
    days: dict[str, Day] = {}
    for day, rows in groupby(kept, itemgetter(0)):
        start, parts = calendar.start(day), list(rows)
        seen = chain.from_iterable(unpacked(bytes(body), start) for *_, body in parts)
        # Seeing a number again changes nothing.
        days[day] = Day(list(dict.fromkeys(sorted(seen))), len(parts), int(parts[-1][1]))
    return days


async def first_day(connection: AsyncConnection, node: str) -> str | None:
    """The first day on which anything was seen of `node`."""
    found: str | None = await fetch_value(connection, FIRST_DAY, (node,))
    return found


async def keep(connection: AsyncConnection, fresh: Mapping[Key, Iterable[Seen]], part: int, calendar: Calendar) -> None:
    """Keep what was seen of each day (node, day) in the ledger up to position `part`, beside what was kept of it."""
    rows = [(node, day, part, packed(ratings, calendar.start(day))) for (node, day), ratings in sorted(fresh.items())]
    await write(connection, KEEP, rows)


async def gather(connection: AsyncConnection, node: str, days: Mapping[str, Day], calendar: Calendar) -> None:
    """Keep each of a node's `days`, of which nothing else may have been seen, in one part."""
    await write(connection, SCATTERED, [(node, day) for day in days])
    await write(
        connection, KEEP, [(node, day, of.last, packed(of.ratings, calendar.start(day))) for day, of in days.items()]
    )


async def bases(connection: AsyncConnection) -> dict[str, str]:
    """What each node is judged by."""
    return {str(node): str(basis) for node, basis in await fetch(connection, NODES)}


async def mark(connection: AsyncConnection, rows: Iterable[tuple[str, str, str]]) -> None:
    """Have nodes judged from a day on at least: (node, day, what it is judged by)."""
    await write(connection, MARK, rows)


async def mark_all(connection: AsyncConnection, day: str) -> None:
    """Have every node judged from `day` on at least."""
    await write(connection, MARK_ALL, [(day, day)])


async def due(connection: AsyncConnection, day: str, limit: int) -> list[Due]:
    """The next nodes that are due to be judged for a day up to `day`."""
    return [Due(*row) for row in await fetch(connection, DUE, (day, limit))]


async def judged(connection: AsyncConnection, one: Due, until: str) -> bool:
    """Say that a node was judged for every day before `until`; False when it is due otherwise meanwhile."""
    return await fetch_value(connection, JUDGED, (until, *one)) is not None


async def start_over(connection: AsyncConnection) -> None:
    """Have whoever follows the ledger begin at its first entry."""
    await write(connection, PLACE)


async def flags_since(connection: AsyncConnection, node: str, first: str) -> dict[str, list[Flag]]:
    """The flags of `node` from the day `first` on, by day, as `cloud.misuse.rules.judge` gives them."""
    found: dict[str, list[Flag]] = {}
    for rule, version, window, day, began, ended, ratings, figures in await fetch(
        connection, FLAGS_SINCE, (node, first)
    ):
        short = window.partition("/")[2]
        flag = Flag(
            rule, version, node, short, day, int(began), int(ended), _ratings.decode(ratings), _figures.decode(figures)
        )
        found.setdefault(day, []).append(flag)
    return found


async def nodes_flagged(connection: AsyncConnection, names: tuple[str, str], day: str) -> list[str]:
    """The nodes that have a flag on `day` of a window or node between two `names`."""
    return [str(node) for (node,) in await fetch(connection, NODES_FLAGGED, (day, *names))]


async def replace(connection: AsyncConnection, node: str, day: str, flags: Sequence[Flag]) -> None:
    """Keep the flags of a node's day in place of those that were kept of it."""
    await write(connection, FORGET_DAY, [(node, day)])
    await write(connection, FLAG, [_row(flag) for flag in flags])


def _row(flag: Flag) -> tuple[Any, ...]:
    window = window_id(flag.node, flag.window) if flag.window else flag.node
    ratings, figures = msgspec.json.encode(flag.ratings).decode(), msgspec.json.encode(flag.figures).decode()
    return (
        flag.node, flag.day, flag.rule, window, flag.begin, flag.end, flag.version, flag.size, ratings, figures,
    )  # fmt: skip


async def page(
    connection: AsyncConnection, names: tuple[str, str], span: tuple[int, int], before: tuple[int, str, str], limit: int
) -> list[tuple[Any, ...]]:
    """Up to `limit` flags of the windows and nodes between two `names`, which began in `span`, newest first.

    Only those behind `before` (began, window, rule); the columns of `PAGE`.
    """
    return await fetch(connection, PAGE, (*before, span[1], span[0], *names, limit))


async def counts(
    connection: AsyncConnection, names: tuple[str, str], span: tuple[int, int]
) -> list[tuple[str, int, int]]:
    """By rule: how many flags there are, and of how many ratings; as `page`."""
    found = await fetch(connection, COUNTS, (span[1], span[0], *names))
    return [(str(rule), int(flags), int(ratings)) for rule, flags, ratings in found]
