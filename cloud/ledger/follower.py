"""Following commits that other processes make, on PostgreSQL.

Each commit leaves itself in `ledger_commit` and rings a bell (NOTIFY), in its own transaction. Since commits are made
one after the other under the ledger's lock, their numbers become visible in order and without a gap; the bell only says
when to look, so a lost one costs a second and nothing else.

A session that is lost may come back on another server, one that took over and lacks the last commits, whose numbers
are then given again. So whoever listens is told, and loads anew what it made of them.
"""

import asyncio
import logging
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.database import fetch, fetch_value, unavailable, write
from cloud.ledger.commit import Commit, packed, unpacked
from contract.errors import Unavailable

logger = logging.getLogger(__name__)

CHANNEL = "manyi_commit"
# Whoever was away for longer loads its board anew.
KEPT = 20_000
_PRUNE_EVERY = 1_000
_PAGE = 200
# The bell may be lost with its connection.
LOOK_S = 1.0
# An answer that takes longer does not come.
READ_S = 5.0

HEAD = "SELECT coalesce(max(commits), 0) FROM ledger_head"
LEAVE = "INSERT INTO ledger_commit (number, body) VALUES (:number, :body)"
RING = "SELECT pg_notify('manyi_commit', '')"
PRUNE = "DELETE FROM ledger_commit WHERE number <= :number"
SINCE = "SELECT number, body FROM ledger_commit WHERE number > :number ORDER BY number LIMIT :limit"


async def publish(connection: AsyncConnection, commit: Commit) -> None:
    """Leave `commit` for the others, within its own transaction."""
    await write(connection, LEAVE, [(commit.number, packed(commit))])
    await fetch(connection, RING)
    if commit.number % _PRUNE_EVERY == 0:
        await write(connection, PRUNE, [(commit.number - KEPT,)])


class Follower:
    """Tells `listener` every commit after number `after`, on the loop, in order.

    A number that is left out was pruned before it was read: the listener has missed something. After `lost()` it may
    know more than there is. `trouble`: why commits are not seen, while that is so.
    """

    def __init__(
        self, reader: AsyncEngine, listener: Callable[[Commit], None], *, lost: Callable[[], None], after: int
    ) -> None:
        self.trouble: str | None = None
        self._reader = reader
        self._listener = listener
        self._lost = lost
        self._known = after
        self._begun = False
        self._bell = asyncio.Event()
        self._broken = False

    async def run(self) -> None:
        """Follow until cancelled; a database that is away is tried again every second."""
        while True:
            try:
                with unavailable():
                    await self._follow()
            except Unavailable as trouble:
                if self.trouble is None:
                    logger.warning("commits are not seen for now: %s", trouble)
                self.trouble = str(trouble)
                await asyncio.sleep(LOOK_S)

    async def _follow(self) -> None:
        async with self._reader.connect() as ear:
            driver = (await ear.get_raw_connection()).driver_connection
            assert driver is not None  # noqa: S101  (a connection that stands has one)
            self._broken = False
            driver.add_termination_listener(self._ended)
            try:
                async with asyncio.timeout(READ_S):
                    await driver.add_listener(CHANNEL, self._rung)
                await self._begin()
                while not self._broken:
                    self._bell.clear()
                    while await self._read_on():
                        pass
                    self.trouble = None
                    try:
                        async with asyncio.timeout(LOOK_S):
                            await self._bell.wait()
                    except TimeoutError:
                        continue
            finally:
                # Without a word: a server that hangs would not answer it.
                await ear.invalidate()
        raise Unavailable("database: the connection that tells of commits was lost")

    async def _begin(self) -> None:
        """Begin a session: where an earlier one ended, or this server lacks what was known, that holds no more."""
        async with asyncio.timeout(READ_S), self._reader.connect() as connection:
            head = int(await fetch_value(connection, HEAD))
        if self._begun or head < self._known:
            self._lost()
        self._known = min(self._known, head)
        self._begun = True

    async def _read_on(self) -> bool:
        """Tell what came next; whether there may be more."""
        async with asyncio.timeout(READ_S), self._reader.connect() as connection:
            found = await fetch(connection, SINCE, (self._known, _PAGE))
        for number, body in found:
            self._known = int(number)
            self._listener(unpacked(bytes(body)))
        return len(found) == _PAGE

    def _rung(self, *_: object) -> None:
        self._bell.set()

    def _ended(self, *_: object) -> None:
        self._broken = True
        self._bell.set()
