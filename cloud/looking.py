"""Reading again and again what another part of the city, or another process, keeps in the database."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import Database, unavailable
from contract.errors import Unavailable

T = TypeVar("T")
# An answer that takes longer does not come.
READ_S = 5.0


class Looking(Generic[T]):
    """`seen` is what `read` answered a moment ago: at first `first`, and while no answer comes the last one."""

    def __init__(
        self, database: Database, read: Callable[[AsyncConnection], Awaitable[T]], first: T, *, every_s: float
    ) -> None:
        self.seen = first
        self._database = database
        self._read = read
        self._every_s = every_s

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                with unavailable():
                    async with asyncio.timeout(READ_S), self._database.reader.connect() as connection:
                        self.seen = await self._read(connection)
            except Unavailable:
                pass
            await asyncio.sleep(self._every_s)
