"""SQL of opening hours."""

from collections.abc import Iterable

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.hours.tables  # noqa: F401  (its tables belong to the schema)
from cloud.database import fetch, write
from cloud.hours.rules import Closure, Hours, Registered, SpecialDay, Stretches

HOURS = "SELECT place, first, last, body FROM office_hours ORDER BY place, first"
CLOSURES = "SELECT place, first, last, reason FROM office_closure ORDER BY place, first"
DAYS = "SELECT day, kind, reason FROM special_day ORDER BY day"

PUT_HOURS = """
INSERT INTO office_hours (place, first, last, body) VALUES (:place, :first, :last, :body)
ON CONFLICT (place, first) DO UPDATE SET last = excluded.last, body = excluded.body
"""

PUT_CLOSURE = """
INSERT INTO office_closure (place, first, last, reason) VALUES (:place, :first, :last, :reason)
ON CONFLICT (place, first) DO UPDATE SET last = excluded.last, reason = excluded.reason
"""

PUT_DAY = """
INSERT INTO special_day (day, kind, reason) VALUES (:day, :kind, :reason)
ON CONFLICT (day) DO UPDATE SET kind = excluded.kind, reason = excluded.reason
"""

# Working days, Saturdays, Sundays, public holidays.
_body = msgspec.json.Decoder(tuple[Stretches, Stretches, Stretches, Stretches])


async def load(connection: AsyncConnection) -> Registered:
    """Everything registered."""
    return Registered(
        tuple(
            Hours(place, first, last, *_body.decode(body))
            for place, first, last, body in await fetch(connection, HOURS)
        ),
        tuple(Closure(*row) for row in await fetch(connection, CLOSURES)),
        tuple(SpecialDay(*row) for row in await fetch(connection, DAYS)),
    )


async def put(
    connection: AsyncConnection, hours: Iterable[Hours], closures: Iterable[Closure], days: Iterable[SpecialDay]
) -> None:
    """Add or change these rows."""
    rows = [(one.place, one.first, one.last, msgspec.json.encode(one[3:]).decode()) for one in hours]
    await write(connection, PUT_HOURS, rows)
    await write(connection, PUT_CLOSURE, closures)
    await write(connection, PUT_DAY, days)
