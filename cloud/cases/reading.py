"""Cases as somebody sees them: one, a list, the worst, and how many are open.

SQL, through the veil (`cloud.cases.veil`).
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import Calendar
from cloud.cases.case import Case, Level, Rating, State, Step
from cloud.cases.store import COLUMNS, case_of, load, step_of
from cloud.cases.veil import Viewer, shown, shown_rating, shown_step
from cloud.database import fetch, fetch_value

_DAY_MS = 86_400_000

SEEN = f"""
SELECT {COLUMNS},
  (SELECT min(r.at) FROM case_rating AS r WHERE r."case" = number AND r.seen_from <= :first_until) AS first_seen,
  (SELECT max(r.at) FROM case_rating AS r WHERE r."case" = number AND r.seen_from <= :newest_until) AS newest_seen,
  (SELECT count(*) FROM case_rating AS r WHERE r."case" = number AND r.seen_from <= :count_until) AS ratings
FROM "case"
"""  # noqa: S608  (texts of this room)
# Only cases of which some rating is seen.
LIST = f"""
{SEEN} WHERE EXISTS (SELECT 1 FROM case_rating AS r WHERE r."case" = number AND r.seen_from <= :until)
  AND number < :before AND "window" >= :low AND "window" <= :high
"""  # noqa: S608  (texts of this room)
OF_STATE = " AND state = :state"
OPEN = " AND closed_at IS NULL"
OVERDUE = " AND due_at <= :now"
PAGE = " ORDER BY number DESC LIMIT :limit"

RATINGS = """
SELECT node, epoch, seq, "window", at, position, received_at, seen_from, others FROM case_rating
WHERE "case" = :case AND seen_from <= :until ORDER BY at, node, epoch, seq
"""
WINDOW = """
SELECT "window" FROM "case" WHERE number = :number
  AND EXISTS (SELECT 1 FROM case_rating AS r WHERE r."case" = number AND r.seen_from <= :until)
"""
STEPS = 'SELECT number, at, who, action, state, body FROM case_step WHERE "case" = :case ORDER BY number'

# By the index of open cases: beside a range of "window" SQLite takes the one of windows, and goes through every case
# there ever was. The concatenation hides that range from it.
COUNTS = """
SELECT state, level, (:today_end - opened_at) / :day_ms AS age, count(*),
  coalesce(sum(CASE WHEN due_at <= :now THEN 1 ELSE 0 END), 0)
FROM "case"
WHERE closed_at IS NULL AND "window" || '' >= :low AND "window" || '' <= :high
  AND EXISTS (SELECT 1 FROM case_rating AS r WHERE r."case" = number AND r.seen_from <= :until)
GROUP BY state, level, age ORDER BY state, level, age
"""

# Within a rank by the number: cases are numbered as they are opened, and who sees hours only is to see no closer order
# of moments than the numbers give. The columns are read of those that are found, not of all that are sorted.
WORST = f"""
{SEEN} WHERE number IN (
  SELECT number FROM "case"
  WHERE closed_at IS NULL
    AND EXISTS (SELECT 1 FROM case_rating AS r WHERE r."case" = number AND r.seen_from <= :until)
  ORDER BY CASE WHEN due_at <= :now THEN 0 ELSE 1 END, CASE WHEN state = 'new' THEN 0 ELSE 1 END, number LIMIT :limit
)
"""  # noqa: S608

# Behind every case there can be.
NEWEST = 1 << 53
Which = Literal[State, "open", "any"]


class Asked(NamedTuple):
    """Which cases: of the windows between two `names` (`cloud.registry.snapshot.names_of`), numbered below `before`.

    `which`: in one state, or all that have not ended, or all. `overdue`: only those.
    """

    names: tuple[str, str]
    which: Which = "open"
    overdue: bool = False
    before: int = NEWEST


class Listed(NamedTuple):
    """A case as the viewer sees it, and how many of its ratings it sees."""

    case: Case
    ratings: int


class Told(NamedTuple):
    """A case with its ratings, the earliest first, and its steps, the first one first, as the viewer sees them."""

    case: Case
    ratings: list[Rating]
    steps: list[Step]


class Count(NamedTuple):
    """How many `cases` in a state and at a level were opened `age` days ago (0: today), and how many are overdue."""

    state: State
    level: Level
    age: int
    cases: int
    overdue: int


async def page(
    connection: AsyncConnection, asked: Asked, viewer: Viewer, limit: int, calendar: Calendar
) -> list[Listed]:
    """Up to `limit` of the cases that are `asked` for, the highest number first; the last one's asks on."""
    until = viewer.until
    sql = LIST
    values: list[object] = [until, until, until, until, asked.before, *asked.names]
    if asked.which == "open":
        sql += OPEN
    elif asked.which != "any":
        sql += OF_STATE
        values.append(asked.which)
    if asked.overdue:
        sql += OVERDUE
        values.append(viewer.now)
    found = await fetch(connection, sql + PAGE, (*values, limit))
    return [_listed(row, viewer, calendar) for row in found]


async def one(connection: AsyncConnection, number: int, viewer: Viewer, calendar: Calendar) -> Told | None:
    """The case of this `number`; None where there is none, or none that `viewer` sees."""
    case = await load(connection, number)
    ratings = await _ratings(connection, number, viewer)
    if case is None or not ratings:
        return None
    pressed = ratings[0].at, ratings[-1].at
    steps = [step_of(row) for row in await fetch(connection, STEPS, (number,))]
    return Told(
        shown(case, pressed, viewer, calendar),
        [shown_rating(rating, viewer, calendar) for rating in ratings],
        [shown_step(step, viewer, calendar) for step in steps],
    )


async def window_of(connection: AsyncConnection, number: int, viewer: Viewer) -> str | None:
    """Where the case of this `number` is; None where there is none, or none that `viewer` sees."""
    found: str | None = await fetch_value(connection, WINDOW, (number, viewer.until))
    return found


async def counts(
    connection: AsyncConnection, names: tuple[str, str], viewer: Viewer, calendar: Calendar
) -> list[Count]:
    """The open cases of the windows between two `names` that `viewer` sees, by state, level and age."""
    today_end = calendar.end(calendar.day(viewer.now))
    values = (today_end, _DAY_MS, viewer.now, *names, viewer.until)
    return [Count(*row) for row in await fetch(connection, COUNTS, values)]


async def worst(connection: AsyncConnection, viewer: Viewer, limit: int, calendar: Calendar) -> list[Case]:
    """Up to `limit` open cases that `viewer` sees: overdue ones first, of these and of others new ones, then by age."""
    until = viewer.until
    found = await fetch(connection, WORST, (until, until, until, until, viewer.now, limit))
    cases = [_listed(row, viewer, calendar).case for row in found]
    return sorted(cases, key=lambda case: (not case.overdue(viewer.now), case.state != "new", case.number))


def _listed(row: Sequence[Any], viewer: Viewer, calendar: Calendar) -> Listed:
    """The case in a row of `SEEN`."""
    *columns, first, newest, ratings = row
    return Listed(shown(case_of(columns), (int(first), int(newest)), viewer, calendar), int(ratings))


async def _ratings(connection: AsyncConnection, number: int, viewer: Viewer) -> list[Rating]:
    return [Rating(*row) for row in await fetch(connection, RATINGS, (number, viewer.until))]
