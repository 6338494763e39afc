"""A house's file on disk: this process's alone, checked as it is opened, and put aside where it is damaged."""

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar, Self

from contract.errors import StoreDamaged
from transport import succession
from transport.checking import Summed, check
from transport.disk import RESERVE_BYTES, Disk
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
        """As `open`, but a damaged file is put aside, to be examined, with a new store in its place.

        The new one has what was sound before it takes that place: whatever ends this process on the way, the next one
        finds either the damaged file, to begin again with, or a new store that lacks nothing.
        """
        with ExitStack() as lock:
            lock.enter_context(locked(path))
            succession.take_place(path)
            try:
                return await cls._open(path, reserve, lock)
            except StoreDamaged as damaged:
                await cls._begin_anew(path, reserve)
                aside = succession.take_place(path)
                logger.error("%s; it is kept as %s, a new store is begun", damaged, aside)  # noqa: TRY400  (all is said)
                return await cls._open(path, reserve, lock)

    @classmethod
    async def _begin_anew(cls, path: Path, reserve: int) -> None:
        """Make a store with what is sound in `path`, ready to take its place."""
        begun = succession.begun(path)
        store = cls(await Disk.open(begun, cls.schema, reserve=reserve))
        try:
            await store.recover(path)
            # Whole without its log, which does not move along.
            await store.disk.reclaim()
        finally:
            await store.close()
        succession.finish(path)

    @classmethod
    async def _open(cls, path: Path, reserve: int, lock: ExitStack) -> Self:
        """Open it under `lock`, which from then on is the store's to let go."""
        disk = await Disk.open(path, cls.schema, reserve=reserve)
        try:
            store = cls(disk)
            await check(disk, cls.summed)
            await store._load()
        except BaseException:
            # Its thread would keep the process from ending.
            await disk.close()
            raise
        store._lock = lock.pop_all()
        return store

    async def recover(self, damaged: Path) -> None:
        """Take over what is sound in the store `damaged`. Here nothing: whoever sent it still has it."""

    async def _load(self) -> None:
        """Read what is remembered of it while it is open."""

    async def close(self) -> None:
        """Close the file, and let others open it."""
        await self.disk.close()
        self._lock.close()
