"""Telling desks that cases have changed, whichever process changed them; a desk then asks for what it shows."""

import asyncio
from collections.abc import AsyncGenerator

from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.cases import store
from cloud.database import unavailable
from contract.errors import Unavailable

LOOK_S = 0.25
# So that a connection that nobody has any more is noticed, and a desk that hears nothing knows that it is not heard.
BEAT_S = 10.0
READ_S = 5.0
DESKS = 500


class News:
    """Looks again and again whether there is any, as long as somebody listens."""

    def __init__(self, reader: AsyncEngine) -> None:
        self.desks = 0
        self._reader = reader
        self._version = 0
        self._changed = asyncio.Condition()
        self._closed = False

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            if self.desks:
                await self._look()
            await asyncio.sleep(LOOK_S)

    async def close(self) -> None:
        """End every stream."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def follow(self) -> AsyncGenerator[bytes, None]:
        """Yield an event at the beginning and at every change, and a comment while there is none."""
        self.desks += 1
        seen = -1
        try:
            while not self._closed:
                if seen == self._version:
                    yield b": nothing new\n\n"
                else:
                    seen = self._version
                    yield f"data: {seen}\n\n".encode()
                await self._next(seen)
        finally:
            self.desks -= 1

    async def _next(self, seen: int) -> None:
        try:
            async with asyncio.timeout(BEAT_S), self._changed:
                await self._changed.wait_for(lambda: self._closed or self._version != seen)
        except TimeoutError:
            return

    async def _look(self) -> None:
        try:
            with unavailable():
                async with asyncio.timeout(READ_S), self._reader.connect() as connection:
                    found = await store.version(connection)
        except Unavailable:
            return
        if found != self._version:
            async with self._changed:
                self._version = found
                self._changed.notify_all()
