"""SQL of sessions and tokens: by what somebody is known who came in before."""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.people.tables  # noqa: F401  (its tables belong to the schema)
from cloud.database import fetch, write
from cloud.people.rules import Person, Role

OPEN = """
INSERT INTO session (digest, name, csrf, began_at, seen_at, ends_at)
VALUES (:digest, :name, :csrf, :began_at, :seen_at, :ends_at)
"""
OF = """
SELECT account.name, account.role, account.place, account.called, session.csrf, session.seen_at, session.ends_at
FROM session JOIN account ON account.name = session.name
WHERE session.digest = :digest AND account.ended_at IS NULL
"""
SEEN = "UPDATE session SET seen_at = :at WHERE digest = :digest"
CLOSE = "DELETE FROM session WHERE digest = :digest"
CLOSE_ALL = "DELETE FROM session WHERE name = :name"
SWEEP = "DELETE FROM session WHERE ends_at <= :now"

ADD_KEY = """
INSERT INTO token (name, digest, role, place, created_at, ends_at)
VALUES (:name, :digest, :role, :place, :created_at, :ends_at)
"""
KEY = "SELECT name, role, place FROM token WHERE digest = :digest AND (ends_at IS NULL OR ends_at > :now)"
KEYS = "SELECT name, role, place, created_at, ends_at FROM token ORDER BY name"
KEY_OF = "SELECT digest FROM token WHERE name = :name"
END_KEY = "UPDATE token SET ends_at = :at WHERE name = :name AND (ends_at IS NULL OR ends_at > :now)"


class Session(NamedTuple):
    """An account's holder who came in; `csrf` is what forms of theirs bring along. Moments are ms."""

    person: Person
    called: str
    csrf: str
    seen_at: int
    ends_at: int


class Token(NamedTuple):
    """A program's or a wall's way in."""

    name: str
    role: Role
    place: str
    created_at: int
    ends_at: int | None


async def begin(connection: AsyncConnection, digest: str, name: str, csrf: str, now: int, ends_at: int) -> None:
    """Open a session of the account `name`, and sweep out those that have ended."""
    await write(connection, SWEEP, [(now,)])
    await write(connection, OPEN, [(digest, name, csrf, now, now, ends_at)])


async def session(connection: AsyncConnection, digest: str) -> Session | None:
    """Return the session, whether or not it still holds (`rules.lasts`)."""
    rows = await fetch(connection, OF, (digest,))
    if not rows:
        return None
    name, role, place, *rest = rows[0]
    return Session(Person(name, role, place), *rest)


async def seen(connection: AsyncConnection, digest: str, at: int) -> None:
    """Note that somebody asked for something at `at`."""
    await write(connection, SEEN, [(at, digest)])


async def end(connection: AsyncConnection, digest: str) -> None:
    """End a session."""
    await write(connection, CLOSE, [(digest,)])


async def end_all(connection: AsyncConnection, name: str) -> None:
    """End every session of the account `name`."""
    await write(connection, CLOSE_ALL, [(name,)])


async def add_token(
    connection: AsyncConnection, person: Person, digest: str, now: int, ends_at: int | None = None
) -> None:
    """Add a token that lets a program be `person`."""
    await write(connection, ADD_KEY, [(person.name, digest, person.role, person.place, now, ends_at)])


async def token(connection: AsyncConnection, digest: str, now: int) -> Person | None:
    """Return whom the token lets its holder be, as long as it holds."""
    rows = await fetch(connection, KEY, (digest, now))
    return Person(*rows[0]) if rows else None


async def tokens(connection: AsyncConnection) -> list[Token]:
    """Return all tokens by name, the ended ones included."""
    return [Token(*row) for row in await fetch(connection, KEYS)]


async def known_token(connection: AsyncConnection, name: str) -> str | None:
    """Return the digest of the token called `name`."""
    rows = await fetch(connection, KEY_OF, (name,))
    return rows[0][0] if rows else None


async def end_token(connection: AsyncConnection, name: str, now: int) -> None:
    """End a token."""
    await write(connection, END_KEY, [(now, name, now)])
