"""SQL of digests: which went out, and what they sum up."""

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.digests.tables  # noqa: F401  (its tables belong to the schema)
from cloud.calendar import Calendar
from cloud.database import fetch, fetch_value
from cloud.digests.rules import Period, Summary
from cloud.registry.snapshot import names_of
from cloud.visits import store as visits
from proof.visits import together

# One of days beyond the farthest was sent by a clock that ran ahead, and counts for nothing.
SENT = "SELECT kind FROM digest_head WHERE kind = :kind AND first >= :first AND first <= :farthest"
MOVE = """
INSERT INTO digest_head (kind, first) VALUES (:kind, :first)
ON CONFLICT (kind) DO UPDATE SET first = excluded.first
WHERE digest_head.first < excluded.first OR digest_head.first > :farthest
RETURNING first
"""

RATED = """
SELECT coalesce(sum(satisfied), 0), coalesce(sum(basic), 0), coalesce(sum(dissatisfied), 0) FROM tally_day
WHERE day >= :first AND day <= :last AND "window" >= :low AND "window" <= :high AND channel = 'button'
"""
CASES = """
SELECT coalesce(sum(CASE WHEN opened_at >= :since AND opened_at < :until THEN 1 ELSE 0 END), 0),
  coalesce(sum(CASE WHEN closed_at >= :from AND closed_at < :to THEN 1 ELSE 0 END), 0),
  coalesce(sum(CASE WHEN closed_at IS NULL THEN 1 ELSE 0 END), 0),
  coalesce(sum(CASE WHEN closed_at IS NULL AND due_at <= :now THEN 1 ELSE 0 END), 0)
FROM "case" WHERE "window" >= :low AND "window" <= :high
  AND EXISTS (SELECT 1 FROM case_rating AS r WHERE r."case" = number AND r.seen_from <= :unveiled)
"""
ALERTS = """
SELECT count(*) FROM alert
WHERE raised_at >= :since AND raised_at < :until AND "window" >= :low AND "window" <= :high
"""


async def is_out(connection: AsyncConnection, period: Period, farthest: str) -> bool:
    """Whether the digest of `period`, or a later one of its kind up to the day `farthest`, went out."""
    return await fetch_value(connection, SENT, (period.kind, period.first, farthest)) is not None


async def move(connection: AsyncConnection, period: Period, farthest: str) -> bool:
    """Say that it goes out; False where somebody else has said so, or has of a later one up to `farthest`."""
    return await fetch_value(connection, MOVE, (period.kind, period.first, farthest)) is not None


async def summary(connection: AsyncConnection, place: str, period: Period, calendar: Calendar, now: int) -> Summary:
    """How `place` did in `period`, as it is known at `now` (ms)."""
    low, high = names_of(place)
    since, until = calendar.start(period.first), calendar.end(period.last)
    ((satisfied, basic, dissatisfied),) = await fetch(connection, RATED, (period.first, period.last, low, high))
    ((opened, closed, still, overdue),) = await fetch(
        connection, CASES, (since, until, since, until, now, low, high, now)
    )
    alerts = await fetch_value(connection, ALERTS, (since, until, low, high))
    n = int(satisfied), int(basic), int(dissatisfied)
    asked = together((await visits.between(connection, (low, high), period.first, period.last)).values())
    return Summary(n, int(opened), int(closed), int(still), int(overdue), int(alerts), asked)
