"""SQL of alerts: what is to become one, what is over, whose turn it is, and the list that people see."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.alerts.tables  # noqa: F401  (its tables belong to the schema)
from cloud.alerts.alert import Alert, Figures, Step
from cloud.cases.case import Level
from cloud.cases.store import tell
from cloud.database import fetch, fetch_value, write

_COLUMNS = """
number, kind, "case", cause, "window", channel, level, figures, raised_at, breached_at, state, place, rank, holder,
pass_at, closed_at, steps
"""
LOAD = f"SELECT {_COLUMNS} FROM alert WHERE number = :number"  # noqa: S608  (our own columns, here and below)
STEPS = "SELECT number, at, who, action, text, holder FROM alert_step WHERE alert = :alert ORDER BY number"
LAST = "SELECT coalesce(max(number), 0) FROM alert"
WINDOW = 'SELECT "window" FROM alert WHERE number = :number'

# An open case that leaders may know of, and at whose level nobody was alerted yet: either nobody has looked into it, or
# it has risen. Of a case that fell back and rose again the newest step counts.
RISING = """
SELECT found.number, found.cause, found."window", found.level FROM (
  SELECT number, "window", level, (
    SELECT max(s.number) FROM case_step AS s WHERE s."case" = c.number AND s.action IN ('open', 'raise')
  ) AS cause
  FROM "case" AS c
  WHERE closed_at IS NULL AND (level <> 'township' OR state IN ('new', 'contacted'))
    AND EXISTS (SELECT 1 FROM case_rating AS r WHERE r."case" = c.number AND r.seen_from <= :now)
) AS found
WHERE NOT EXISTS (SELECT 1 FROM alert AS a WHERE a."case" = found.number AND a.cause = found.cause)
ORDER BY found.number LIMIT :limit
"""

# Its case has ended, is before others by now, or somebody has looked into it.
SETTLED = f"""
SELECT {_COLUMNS} FROM alert AS a
WHERE closed_at IS NULL AND kind = 'case' AND EXISTS (
  SELECT 1 FROM "case" AS c WHERE c.number = a."case" AND (
    c.closed_at IS NOT NULL OR c.level <> a.level OR (a.level = 'township' AND c.state NOT IN ('new', 'contacted'))
  )
)
ORDER BY number LIMIT :limit
"""  # noqa: S608

# Whatever is to wait longer than anything does was written by a clock that ran ahead.
DUE = f"""
SELECT {_COLUMNS} FROM alert WHERE closed_at IS NULL AND (pass_at <= :now OR pass_at > :far)
ORDER BY number LIMIT :limit
"""  # noqa: S608
# Those that are closed too, as long as it was no better since: nobody is alerted of one and the same twice.
RATED = f"""
SELECT {_COLUMNS} FROM alert WHERE kind = 'rate' AND (closed_at IS NULL OR breached_at > :quiet) ORDER BY number
"""  # noqa: S608

# Only windows with something that is not all well; the others cannot be an alert.
RATES = """
SELECT "window", channel, sum(satisfied), sum(basic), sum(dissatisfied) FROM tally_minute
WHERE minute >= :since AND minute < :until
GROUP BY "window", channel HAVING sum(basic) + sum(dissatisfied) > 0 ORDER BY "window", channel
"""
# One in the future was set by a clock that ran ahead, and counts for nothing.
MARK = "SELECT mark FROM alert_head WHERE id = 1 AND mark <= :now"
MOVE = """
INSERT INTO alert_head (id, mark) VALUES (1, :mark)
ON CONFLICT (id) DO UPDATE SET mark = excluded.mark WHERE alert_head.mark < excluded.mark OR alert_head.mark > :now
RETURNING mark
"""

PUT = f"""
INSERT INTO alert ({_COLUMNS})
VALUES (:number, :kind, :case, :cause, :window, :channel, :level, :figures, :raised_at, :breached_at, :state, :place,
  :rank, :holder, :pass_at, :closed_at, :steps)
"""  # noqa: S608
# Of two who change one alert at the same time the second finds another number of steps.
CHANGE = """
UPDATE alert SET breached_at = :breached_at, state = :state, place = :place, rank = :rank, holder = :holder,
  pass_at = :pass_at, closed_at = :closed_at, steps = :steps
WHERE number = :number AND steps = :before RETURNING number
"""
STEP = """
INSERT INTO alert_step (alert, number, at, who, action, text, holder)
VALUES (:alert, :number, :at, :who, :action, :text, :holder)
"""

PAGE = f"""
SELECT {_COLUMNS} FROM alert
WHERE number < :before AND "window" >= :low AND "window" <= :high
"""  # noqa: S608
NOT_CLOSED = " AND closed_at IS NULL"
HELD = " AND holder = :holder"
NEWEST_FIRST = " ORDER BY number DESC LIMIT :limit"
WAITING = "SELECT count(*) FROM alert WHERE closed_at IS NULL AND state = 'open' AND holder = :holder"

_figures = msgspec.json.Decoder(Figures)
NEWEST = 1 << 53


class Rising(NamedTuple):
    """A `case` that is an alert by its step `cause`, at its `level`."""

    case: int
    cause: int
    window: str
    level: Level


class Asked(NamedTuple):
    """Which alerts: of the windows between two `names`, numbered below `before`; `holder`: only those told to them."""

    names: tuple[str, str]
    closed: bool = False
    holder: str = ""
    before: int = NEWEST


async def rising(connection: AsyncConnection, now: int, limit: int) -> list[Rising]:
    """Cases that are to become alerts at `now` (ms)."""
    found = await fetch(connection, RISING, (now, limit))
    return [Rising(int(number), int(cause), window, level) for number, cause, window, level in found]


async def settled(connection: AsyncConnection, limit: int) -> list[Alert]:
    """Alerts on cases of which nothing is left to be alerted about."""
    return [_alert(row) for row in await fetch(connection, SETTLED, (limit,))]


async def due(connection: AsyncConnection, now: int, longest: int, limit: int) -> list[Alert]:
    """Alerts that are to be passed on at `now`; none waits for longer than `longest` (ms)."""
    return [_alert(row) for row in await fetch(connection, DUE, (now, now + longest, limit))]


async def rated(connection: AsyncConnection, quiet: int) -> list[Alert]:
    """Every alert on a rate that is not closed, or was breached later than at `quiet` (ms)."""
    return [_alert(row) for row in await fetch(connection, RATED, (quiet,))]


async def rates(connection: AsyncConnection, since: int, until: int) -> list[tuple[str, str, tuple[int, int, int]]]:
    """Each window and channel with ratings not all satisfied, from the minute `since` until before `until`."""
    found = await fetch(connection, RATES, (since, until))
    return [(window, channel, (int(a), int(b), int(c))) for window, channel, a, b, c in found]


async def mark(connection: AsyncConnection, now: int) -> int:
    """For which moment up to `now` (ms) rates were looked at last; 0: never."""
    return int(await fetch_value(connection, MARK, (now,)) or 0)


async def move(connection: AsyncConnection, to: int, now: int) -> bool:
    """Say at `now` that rates were looked at for the moment `to`; False where somebody else has said so."""
    return await fetch_value(connection, MOVE, (to, now)) is not None


async def last(connection: AsyncConnection) -> int:
    """The highest number of an alert; 0: there is none."""
    return int(await fetch_value(connection, LAST))


async def put(connection: AsyncConnection, raised: Iterable[tuple[Alert, Step]]) -> None:
    """Put new alerts with the step that raises each."""
    made = list(raised)
    await write(connection, PUT, [_row(alert) for alert, _ in made])
    await write(connection, STEP, [(alert.number, *step) for alert, step in made])
    if made:
        await tell(connection)


async def change(connection: AsyncConnection, before: Alert, after: Alert, steps: Sequence[Step]) -> bool:
    """Put `after` in place of `before` and add `steps`; False where somebody else has changed it meanwhile."""
    changing = (after.breached_at, after.state, after.place, after.rank, after.holder, after.pass_at, after.closed_at)
    if await fetch_value(connection, CHANGE, (*changing, after.steps, after.number, before.steps)) is None:
        return False
    await write(connection, STEP, [(after.number, *step) for step in steps])
    if steps:
        await tell(connection)
    return True


async def load(connection: AsyncConnection, number: int) -> Alert | None:
    """The alert of this `number`."""
    found = await fetch(connection, LOAD, (number,))
    return _alert(found[0]) if found else None


async def steps(connection: AsyncConnection, number: int) -> list[Step]:
    """The history of alert `number`, the first step first."""
    return [Step(*row) for row in await fetch(connection, STEPS, (number,))]


async def window_of(connection: AsyncConnection, number: int) -> str | None:
    """Where alert `number` is; None where there is none."""
    found: str | None = await fetch_value(connection, WINDOW, (number,))
    return found


async def page(connection: AsyncConnection, asked: Asked, limit: int) -> list[Alert]:
    """Up to `limit` of the alerts that are `asked` for, the newest first."""
    sql, values = PAGE, [asked.before, *asked.names]
    if not asked.closed:
        sql += NOT_CLOSED
    if asked.holder:
        sql += HELD
        values.append(asked.holder)
    return [_alert(row) for row in await fetch(connection, sql + NEWEST_FIRST, (*values, limit))]


async def waiting(connection: AsyncConnection, holder: str) -> int:
    """How many alerts wait for `holder` to answer."""
    return int(await fetch_value(connection, WAITING, (holder,)))


def _alert(row: Sequence[Any]) -> Alert:
    alert = Alert(*row)
    return alert if row[7] is None else alert._replace(figures=_figures.decode(row[7]))


def _row(alert: Alert) -> tuple[Any, ...]:
    figures = None if alert.figures is None else msgspec.json.encode(alert.figures).decode()
    return tuple(alert._replace(figures=figures))  # type: ignore[arg-type]
