"""SQL that changes cases: opening and joining with the cursor, steps, and what is behind the veil.

Reading them as somebody sees them is in `cloud.cases.reading`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.cases.tables  # noqa: F401  (its tables belong to the schema)
from cloud.cases.case import Body, Case, Rating, Step
from cloud.database import fetch, fetch_value, write
from cloud.ledger.pages import rows_in

CURSOR = "SELECT position FROM case_cursor WHERE id = 1"
# Cases begin with what comes after the present head: nobody is asked to look into ratings of years ago. WHERE tells
# SQLite that what follows is no join.
BEGIN_CURSOR = """
INSERT INTO case_cursor (id, position) SELECT 1, coalesce(max(position), 0) FROM ledger_head WHERE true
ON CONFLICT (id) DO NOTHING
"""
# Of two who follow at the same time only one gets ahead; until the commit nobody else opens a case, so numbers have no
# gap.
MOVE = "UPDATE case_cursor SET position = :position WHERE id = 1 AND position = :before RETURNING position"

RECEIVED = text("SELECT position, received_at FROM ledger_entry WHERE position IN :positions").bindparams(
    bindparam("positions", expanding=True)
)
KNOWN = text("SELECT node, epoch, seq FROM case_rating WHERE (node, epoch, seq) IN :numbers").bindparams(
    bindparam("numbers", expanding=True)
)
LAST = 'SELECT coalesce(max(number), 0) FROM "case"'

COLUMNS = """
number, "window", township, opened_at, first_at, newest_at, state, state_at, since, due_at, raise_at, level, assignee,
contact, unfounded_by, closed_at, steps
"""
# An update, so that until the commit nobody else changes what was found; of itself it changes nothing.
HOLD_JOINABLE = text(f"""
UPDATE "case" SET newest_at = newest_at
WHERE "window" IN :windows AND state IN ('new', 'contacted') AND first_at >= :since AND first_at <= :until
RETURNING {COLUMNS}
""").bindparams(bindparam("windows", expanding=True))  # noqa: S608  (a text of this file)
LOAD = f'SELECT {COLUMNS} FROM "case" WHERE number = :number'  # noqa: S608

PUT = f"""
INSERT INTO "case" ({COLUMNS})
VALUES (:number, :window, :township, :opened_at, :first_at, :newest_at, :state, :state_at, :since, :due_at, :raise_at,
  :level, :assignee, :contact, :unfounded_by, :closed_at, :steps)
"""  # noqa: S608
JOIN = 'UPDATE "case" SET newest_at = :newest_at WHERE number = :number'
# Of two who change one case at the same time the second finds another number of steps, and has not seen the first.
CHANGE = """
UPDATE "case" SET state = :state, state_at = :state_at, since = :since, due_at = :due_at, raise_at = :raise_at,
  level = :level, assignee = :assignee, contact = :contact, unfounded_by = :unfounded_by, closed_at = :closed_at,
  steps = :steps
WHERE number = :number AND steps = :before RETURNING number
"""
STEP = """
INSERT INTO case_step ("case", number, at, who, action, state, body)
VALUES (:case, :number, :at, :who, :action, :state, :body)
"""
RATING = """
INSERT INTO case_rating (node, epoch, seq, "window", at, position, received_at, seen_from, others, "case")
VALUES (:node, :epoch, :seq, :window, :at, :position, :received_at, :seen_from, :others, :case)
"""

VEILED = 'SELECT DISTINCT "window" FROM case_rating WHERE seen_from > :now'
LIFT = """
UPDATE case_rating SET others = others + :more,
  seen_from = CASE WHEN others + :same_more >= :enough AND seen_from > :full THEN :same_full ELSE seen_from END
WHERE "window" = :window AND seen_from > :now
"""

TELL = """
INSERT INTO case_news (id, version) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET version = case_news.version + 1
"""
VERSION = "SELECT version FROM case_news WHERE id = 1"

RISING = 'SELECT number FROM "case" WHERE raise_at <= :now ORDER BY raise_at, number LIMIT :limit'

_body = msgspec.json.Decoder(Body)
Number = tuple[str, str, int]


async def begin(connection: AsyncConnection) -> None:
    """Begin behind the ledger's present head, where nothing was begun yet."""
    await write(connection, BEGIN_CURSOR)


async def cursor(connection: AsyncConnection) -> int:
    """Up to which ledger position ratings were looked at, once that was begun."""
    return int(await fetch_value(connection, CURSOR))


async def move(connection: AsyncConnection, before: int, after: int) -> bool:
    """Set the cursor from `before` to `after`; False when it does not stand there."""
    return await fetch_value(connection, MOVE, (after, before)) is not None


async def received(connection: AsyncConnection, positions: Iterable[int]) -> Mapping[int, int]:
    """When (ms) the ledger took in the entry at each of `positions`."""
    return dict(await rows_in(connection, RECEIVED, "positions", sorted(set(positions))))


async def known(connection: AsyncConnection, numbers: Sequence[Number]) -> set[Number]:
    """Those of the `numbers` (node, epoch, seq) that are in a case already."""
    return {(node, epoch, int(seq)) for node, epoch, seq in await rows_in(connection, KNOWN, "numbers", numbers)}


async def last(connection: AsyncConnection) -> int:
    """The highest number of a case; 0: there is none."""
    return int(await fetch_value(connection, LAST))


async def joinable(connection: AsyncConnection, windows: Collection[str], since: int, until: int) -> list[Case]:
    """The cases at any of `windows` that nobody has looked into, whose first rating was pressed in that time (ms).

    Nobody else changes them before the transaction has ended.
    """
    found = await rows_in(connection, HOLD_JOINABLE, "windows", sorted(windows), since=since, until=until)
    return [case_of(row) for row in found]


async def put(connection: AsyncConnection, opened: Iterable[tuple[Case, Step]]) -> None:
    """Put new cases with the step that opens each."""
    made = list(opened)
    await write(connection, PUT, [_row(case) for case, _ in made])
    await write(connection, STEP, [_step_row(case.number, step) for case, step in made])


async def join(connection: AsyncConnection, cases: Iterable[Case]) -> None:
    """Keep the `newest_at` of `cases`, which `joinable` found."""
    await write(connection, JOIN, [(case.newest_at, case.number) for case in cases])


async def put_ratings(connection: AsyncConnection, ratings: Iterable[tuple[Rating, int]]) -> None:
    """Put `ratings`, each with the number of its case."""
    await write(connection, RATING, [(*rating, number) for rating, number in ratings])


async def veiled(connection: AsyncConnection, now: int) -> set[str]:
    """The windows that have a rating which is not seen by everybody at `now` (ms)."""
    return {str(window) for (window,) in await fetch(connection, VEILED, (now,))}


async def lift(connection: AsyncConnection, more: Mapping[str, int], now: int, enough: int, full: int) -> None:
    """Count so many `more` ratings by window after each that is still veiled at `now` (ms).

    With `enough` of them it is seen from the moment `full` on.
    """
    rows = [(count, count, enough, full, full, window, now) for window, count in sorted(more.items())]
    await write(connection, LIFT, rows)


async def tell(connection: AsyncConnection) -> None:
    """Say that something about some case has changed."""
    await write(connection, TELL)


async def version(connection: AsyncConnection) -> int:
    """How often that was said."""
    return int(await fetch_value(connection, VERSION) or 0)


async def load(connection: AsyncConnection, number: int) -> Case | None:
    """The case of this `number` as it is."""
    found = await fetch(connection, LOAD, (number,))
    return case_of(found[0]) if found else None


async def change(connection: AsyncConnection, before: Case, after: Case, steps: Sequence[Step]) -> bool:
    """Put `after` in place of `before` and add `steps`; False where somebody else has changed it meanwhile.

    What joined meanwhile stays.
    """
    changed = await fetch_value(connection, CHANGE, (*_changing(after), after.number, before.steps))
    if changed is None:
        return False
    await write(connection, STEP, [_step_row(after.number, step) for step in steps])
    await tell(connection)
    return True


async def rising(connection: AsyncConnection, now: int, limit: int) -> list[int]:
    """The next cases whose level rises by `now` (ms)."""
    return [int(number) for (number,) in await fetch(connection, RISING, (now, limit))]


def case_of(row: Sequence[Any]) -> Case:
    """The case in a row of `COLUMNS`."""
    case = Case(*row)
    return case._replace(contact=bool(case.contact))


def step_of(row: Sequence[Any]) -> Step:
    """The step in a row (number, at, who, action, state, body)."""
    number, at, who, action, state, body = row
    return Step(int(number), int(at), who, action, state, _body.decode(body))


def _row(case: Case) -> tuple[Any, ...]:
    return tuple(int(value) if isinstance(value, bool) else value for value in case)


def _changing(case: Case) -> tuple[Any, ...]:
    """The columns that `CHANGE` sets, which stand behind what a case is about."""
    return _row(case)[Case._fields.index("state") :]


def _step_row(number: int, step: Step) -> tuple[Any, ...]:
    *told, body = step
    return (number, *told, msgspec.json.encode(body).decode())
