"""A house's file on disk: this process's alone, checked as it is opened, and put aside where it is damaged."""

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar, Self

from contract.errors import StoreDamaged
from transport.checking import Summed, check
from transport.disk import RESERVE_BYTES, Disk, set_aside
from transport.lock import locked

logger = logging.getLogger(__name__)


class Store:
    """What a shelf is kept in. `schema`: its tables; `summed`: which of them have sums."""

    schema: ClassVar[str]
    summed: ClassVar[Mapping[str, Summed]]

    def __init__(self, disk: Disk) -> None:
        """Use `open`."""
        self.disk = disk
        # Empty where nobody else can have it open: in memory.
        self._lock = ExitStack()

    @classmethod
    async def open(cls, path: Path, *, reserve: int = RESERVE_BYTES) -> Self:
        """Open or make the store at `path`; see `locked` and `Disk.open` for the errors."""
        with ExitStack() as lock:
            lock.enter_context(locked(path))
            return await cls._open(path, reserve, lock)

    @classmethod
    async def open_sound(cls, path: Path, *, reserve: int = RESERVE_BYTES) -> Self:
        """As `open`, but a damaged file is put aside, to be examined, and a new store is begun in its place."""
        with ExitStack() as lock:
            lock.enter_context(locked(path))
            try:
                return await cls._open(path, reserve, lock)
            except StoreDamaged as damaged:
                aside = set_aside(path)
                logger.error("%s; it is kept as %s, a new store is begun", damaged, aside)  # noqa: TRY400  (all is said)
                store = await cls._open(path, reserve, lock)
                await store.recover(aside)
                return store

    @classmethod
    async def _open(cls, path: Path, reserve: int, lock: ExitStack) -> Self:
        """Open it under `lock`, which from then on is the store's to let go."""
        store = cls(await Disk.open(path, cls.schema, reserve=reserve))
        try:
            await check(store.disk, store.summed)
            await store._load()
        except BaseException:
            await store.close()
            raise
        store._lock = lock.pop_all()
        return store

    async def recover(self, aside: Path) -> None:
        """Take over what is sound in the damaged store `aside`. Here nothing: whoever sent it still has it."""

    async def _load(self) -> None:
        """Read what is remembered of it while it is open."""

    async def close(self) -> None:
        """Close the file, and let others open it."""
        await self.disk.close()
        self._lock.close()
