"""Keeps the snapshot in step with the database: another process (`manyi cloud register`) may change it."""

import asyncio
import logging
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.database import unavailable
from cloud.registry import store
from cloud.registry.snapshot import Registry
from contract.errors import Unavailable

logger = logging.getLogger(__name__)

POLL_S = 1.0


class RegistryHolder:
    """Holds the present snapshot; `listeners` are called on the loop after it changed."""

    def __init__(self, reader: AsyncEngine, *, now: Callable[[], int]) -> None:
        """Read from `reader`; `now` is the city's time in ms. Empty until the first `refresh`."""
        self.current = Registry()
        self.listeners: list[Callable[[Registry], None]] = []
        self._reader = reader
        self._now = now
        self._loaded = False

    async def refresh(self) -> bool:
        """Load the registry if its version moved; whether it did. Raises `Unavailable`."""
        with unavailable():
            async with self._reader.begin() as connection:
                if self._loaded and await store.version(connection) == self.current.version:
                    return False
                self.current = await store.load(connection, self._now())
        self._loaded = True
        for listener in self.listeners:
            listener(self.current)
        return True

    async def run(self) -> None:
        """Look for changes until cancelled."""
        while True:
            await asyncio.sleep(POLL_S)
            try:
                await self.refresh()
            except Unavailable as trouble:
                logger.warning("registry: %s", trouble)
