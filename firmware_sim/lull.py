"""When nobody is in the midst of pressing: no visit lasts for days, so a clock that leaps by days does it in between.

Fingers press on a loop, and who lets a clock leap is on a thread of its own.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_LOOK_S = 0.01


class Lull:
    """One for all fingers of a process."""

    def __init__(self) -> None:
        """Begin with nobody pressing."""
        self._lock = threading.Lock()
        self._wanted = False
        self._visits = 0

    @asynccontextmanager
    async def visit(self) -> AsyncIterator[None]:
        """Be in the midst of pressing, as soon as nobody waits for a lull."""
        while not self._begun():  # noqa: ASYNC110  (the lull ends on another thread)
            await asyncio.sleep(_LOOK_S)
        try:
            yield
        finally:
            with self._lock:
                self._visits -= 1

    def _begun(self) -> bool:
        with self._lock:
            if self._wanted:
                return False
            self._visits += 1
            return True

    def use(self, deed: Callable[[], None]) -> None:
        """Do `deed` while nobody presses; not to be called on the fingers' loop, whose visits are waited for."""
        with self._lock:
            self._wanted = True
        while not self._done(deed):
            time.sleep(_LOOK_S)

    def _done(self, deed: Callable[[], None]) -> bool:
        with self._lock:
            if self._visits:
                return False
            deed()
            self._wanted = False
            return True


LULL = Lull()
