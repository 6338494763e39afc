"""A folder of files that rows of the database name: what to do so that nothing of it is lost, and nothing left over.

A file is there before its row. Whoever puts one holds the shelf until its row is there or never will be; whoever takes
away what no row names has the shelf alone. So a file that is put is never taken away before its row is seen. That is
flock(2), which holds between processes too, also on one folder that several machines mount, and ends with its holder.
"""

import asyncio
import fcntl
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from contract.errors import Unavailable
from transport import deposit

LOCK = ".lock"
PATIENCE_S = 5.0
_AGAIN_S = 0.02


class Busy(Unavailable):
    """Somebody else has the shelf."""


class Shelf:
    """The folder `path`, which is made with its first file. Only files of which `names` matches the name are its own.

    `depth`: how many folders down they lie.
    """

    def __init__(self, path: Path, names: re.Pattern[str], *, depth: int = 0) -> None:
        self.path = path
        self._names = names
        self._depth = depth

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold the shelf beside others who put files; raises `Unavailable`."""
        async with self._locked(fcntl.LOCK_SH, PATIENCE_S):
            yield

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Have the shelf alone; raises `Busy` where somebody holds it now, and `Unavailable`."""
        async with self._locked(fcntl.LOCK_EX, 0.0):
            yield

    def old(self, until: int) -> list[Path]:
        """Return the shelf's own files that were put there before `until` (ms). Blocks; raises `OSError`."""
        return [file for file in self._own(self.path, self._depth) if file.lstat().st_mtime_ns < until * 1_000_000]

    def remove(self, file: Path) -> None:
        """Take `file` away, for good when this returns, whether or not it was there. Blocks; raises `OSError`."""
        file.unlink(missing_ok=True)
        deposit.sync(file.parent)

    def _own(self, folder: Path, depth: int) -> Iterator[Path]:
        if not folder.is_dir():
            return
        for found in sorted(folder.iterdir()):
            if depth and found.is_dir() and not found.is_symlink():
                yield from self._own(found, depth - 1)
            elif not depth and self._names.fullmatch(found.name) and found.is_file():
                yield found

    @asynccontextmanager
    async def _locked(self, how: int, patience_s: float) -> AsyncIterator[None]:
        lock = await asyncio.to_thread(self._lock_file)
        try:
            last = asyncio.get_running_loop().time() + patience_s
            while not self._take(lock, how):
                if asyncio.get_running_loop().time() >= last:
                    raise Busy(f"{self.path}: somebody else has its {LOCK}: again in a moment")
                await asyncio.sleep(_AGAIN_S)
            yield
        finally:
            os.close(lock)

    def _lock_file(self) -> int:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, deposit.SECRET)
        except OSError as bad:
            raise Unavailable(f"{self.path}: {bad.strerror or bad}: let the city write there") from bad

    def _take(self, lock: int, how: int) -> bool:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as bad:
            raise Unavailable(f"{self.path}: its {LOCK} cannot be taken: {bad.strerror}") from bad
        return True
