"""SQL of bound subjects, and of browsers on their way to the provider and back."""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.oidc.tables  # noqa: F401  (its tables belong to the schema)
from cloud.database import fetch, fetch_value, write
from cloud.oidc.rules import TRIP_MS, Purpose, Subject

# Neither an account that has a subject nor a subject that has an account: then there is no row.
BIND = """
INSERT INTO bound_subject (name, issuer, subject, bound_at) VALUES (:name, :issuer, :subject, :at)
ON CONFLICT DO NOTHING RETURNING name
"""
UNBIND = "DELETE FROM bound_subject WHERE name = :name RETURNING name"
NAME_OF = "SELECT name FROM bound_subject WHERE issuer = :issuer AND subject = :subject"
BOUND_AT = "SELECT bound_at FROM bound_subject WHERE name = :name"
NAMES = "SELECT name FROM bound_subject"

SWEEP = "DELETE FROM oidc_trip WHERE ends_at <= :now"
BEGIN = """
INSERT INTO oidc_trip (digest, purpose, whom, target, ends_at)
VALUES (:digest, :purpose, :whom, :target, :ends_at)
"""
# Whoever takes it first has it: the second finds no row.
TAKE = "DELETE FROM oidc_trip WHERE digest = :digest AND ends_at > :now RETURNING purpose, whom, target, ends_at"


class Trip(NamedTuple):
    """Why a browser is sent to the provider, by whose link or session (its digest), and to which page it goes on.

    `began_at` (ms): when it set out, of whoever is back.
    """

    purpose: Purpose
    whom: str
    target: str
    began_at: int = 0


async def bind(connection: AsyncConnection, name: str, subject: Subject, now: int) -> bool:
    """Bind `subject` to the account `name`; False where either is bound already."""
    return await fetch_value(connection, BIND, (name, subject.issuer, subject.word, now)) is not None


async def unbind(connection: AsyncConnection, name: str) -> bool:
    """Take the account's subject from it; False where it had none."""
    return await fetch_value(connection, UNBIND, (name,)) is not None


async def name_of(connection: AsyncConnection, subject: Subject) -> str | None:
    """Return the name of the account that `subject` is bound to."""
    found: str | None = await fetch_value(connection, NAME_OF, (subject.issuer, subject.word))
    return found


async def bound_at(connection: AsyncConnection, name: str) -> int | None:
    """Since when (ms) the account `name` is bound; None where it is not."""
    found: int | None = await fetch_value(connection, BOUND_AT, (name,))
    return found


async def names(connection: AsyncConnection) -> frozenset[str]:
    """Return the names of all accounts that are bound."""
    return frozenset(name for (name,) in await fetch(connection, NAMES))


async def begin(connection: AsyncConnection, digest: str, trip: Trip, now: int) -> None:
    """Note that a browser sets out at `now` (ms), and forget those that did not come back in time."""
    await write(connection, SWEEP, [(now,)])
    await write(connection, BEGIN, [(digest, trip.purpose, trip.whom, trip.target, now + TRIP_MS)])


async def take(connection: AsyncConnection, digest: str, now: int) -> Trip | None:
    """Return why that browser set out, once."""
    rows = await fetch(connection, TAKE, (digest, now))
    if not rows:
        return None
    purpose, whom, target, ends_at = rows[0]
    return Trip(purpose, whom, target, ends_at - TRIP_MS)
