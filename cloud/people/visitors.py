"""Who asks: found by the secret that a request brings, and remembered for a moment.

What was looked up holds for `FRESH_S`, so a wall's page asks the database once and a key that ends is refused within
that time. While the database does not answer, whoever was known keeps what they had: a wall must not go dark for that.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.database import unavailable
from cloud.people import sessions
from cloud.people.rules import Person, lasts
from cloud.people.secret import digest
from contract.errors import Unavailable

FRESH_S = 2.0
# A server that hangs costs whoever is known so much, and not more.
LOOK_S = 1.0
_REMEMBERED = 10_000


class Visitor(NamedTuple):
    """`person` asks, who is `called` so. `csrf`: what their forms bring along; None for a program's or wall's token."""

    person: Person
    called: str
    csrf: str | None
    digest: str
    seen_at: int = 0


class _Known(NamedTuple):
    visitor: Visitor
    at: float


class Visitors:
    """Asks `reader`; `now` is the city's time in ms, `monotonic` counts seconds."""

    def __init__(self, reader: AsyncEngine, *, now: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self._reader = reader
        self._now = now
        self._monotonic = monotonic
        self._known: dict[tuple[str, bool], _Known] = {}
        # Apart from those, so that whoever guesses makes the city forget nobody.
        self._unknown: dict[tuple[str, bool], float] = {}

    async def find(self, secret: str, *, session: bool) -> Visitor | None:
        """Return whose `secret` it is, a session's or a token's. Raises `Unavailable` where that cannot be known."""
        key = digest(secret), session
        known, now = self._known.get(key), self._monotonic()
        if known is not None and now - known.at < FRESH_S:
            return known.visitor
        if known is None and now - self._unknown.get(key, -FRESH_S) < FRESH_S:
            return None
        try:
            found = await self._look(key[0], session=session)
        except Unavailable:
            if known is None:
                raise
            return known.visitor
        self._remember(key, found)
        return found

    def forget(self) -> None:
        """Look everybody up anew: somebody's rights changed."""
        self._known.clear()
        self._unknown.clear()

    def _remember(self, key: tuple[str, bool], found: Visitor | None) -> None:
        for kept in (self._known, self._unknown):
            kept.pop(key, None)
            if len(kept) >= _REMEMBERED:
                kept.clear()
        if found is None:
            self._unknown[key] = self._monotonic()
        else:
            self._known[key] = _Known(found, self._monotonic())

    async def _look(self, key: str, *, session: bool) -> Visitor | None:
        with unavailable():
            async with asyncio.timeout(LOOK_S), self._reader.connect() as connection:
                if not session:
                    person = await sessions.token(connection, key, self._now())
                    return None if person is None else Visitor(person, person.name, None, key)
                found = await sessions.session(connection, key)
        if found is None or not lasts(found.seen_at, found.ends_at, self._now()):
            return None
        return Visitor(found.person, found.called, found.csrf, key, found.seen_at)
