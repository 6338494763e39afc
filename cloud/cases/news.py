"""Telling desks that cases have changed, whichever process changed them; a desk then asks for what it shows.

Whoever looks through the veil is told of each full minute instead: the moment at which something changes would tell who
sits at a window what the citizen before them has pressed.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.calendar import MINUTE_MS
from cloud.cases import store
from cloud.database import unavailable
from contract.errors import Unavailable

LOOK_S = 0.25
# So that a connection that nobody has any more is noticed; nginx cuts off one that is silent for ten seconds.
BEAT_S = 4.0
READ_S = 5.0
# Each desk asks for its page when it is told. So that a busy hour is no flood of them, there is news once a second at
# most, and not all desks are told of it in the same moment, but one after the other within so long.
PACE_S = 1.0
SPREAD_S = 0.5
_TURNS = 16
DESKS = 500


class News:
    """Looks again and again whether there is any, as long as somebody listens."""

    def __init__(self, reader: AsyncEngine, *, now: Callable[[], int]) -> None:
        """`now` is the city's time in ms."""
        self.desks = 0
        self._now = now
        self._reader = reader
        self._version = 0
        self._changed = asyncio.Event()
        self._closing = asyncio.Event()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            told = self.desks > 0 and await self._look()
            await asyncio.sleep(PACE_S if told else LOOK_S)

    def close(self) -> None:
        """End every stream."""
        self._closing.set()
        self._wake()

    async def follow(self) -> AsyncGenerator[bytes, None]:
        """Yield an event at the beginning and at every change, and a comment while there is none."""
        after_s = self.desks % _TURNS * SPREAD_S / _TURNS
        self.desks += 1
        seen = -1
        try:
            while not self._closing.is_set():
                changed = self._changed
                if seen == self._version:
                    yield b": nothing new\n\n"
                else:
                    seen = self._version
                    yield f"data: {seen}\n\n".encode()
                with suppress(TimeoutError):
                    async with asyncio.timeout(BEAT_S):
                        await changed.wait()
                        if not self._closing.is_set():
                            await asyncio.sleep(after_s)
        finally:
            self.desks -= 1

    async def minutes(self) -> AsyncGenerator[bytes, None]:
        """Yield an event at the beginning and at every full minute, and a comment in between."""
        self.desks += 1
        seen = -1
        try:
            while not self._closing.is_set():
                minute = self._now() // MINUTE_MS
                yield b": nothing new\n\n" if minute == seen else b"data: minute\n\n"
                seen = minute
                with suppress(TimeoutError):
                    async with asyncio.timeout(BEAT_S):
                        await self._closing.wait()
        finally:
            self.desks -= 1

    def _wake(self) -> None:
        """Wake whoever waits, each of whom waits for an event of its time."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _look(self) -> bool:
        """Wake whoever waits if there is any news; whether there was."""
        try:
            with unavailable():
                async with asyncio.timeout(READ_S), self._reader.connect() as connection:
                    found = await store.version(connection)
        except Unavailable:
            return False
        if found == self._version:
            return False
        self._version = found
        self._wake()
        return True
