"""A folder of files that rows of the database name: what to do so that nothing of it is lost, and nothing left over.

A file is there before its row. Whoever puts one holds the shelf until its row is there or never will be; whoever takes
away what no row names has the shelf alone. So a file that is put is never taken away before its row is seen. That is
flock(2), which holds between processes too, also on one folder that several machines mount, and ends with its holder.

In the folder stands whose it is. Another city, such as a copy of this one, puts nothing there and takes nothing away;
and where it does not stand, what is there may be the empty place where a disk is mounted.
"""

import asyncio
import errno
import fcntl
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from cloud.owner import Owner
from contract.errors import OutOfRoom, Unavailable
from transport import deposit

P = ParamSpec("P")
T = TypeVar("T")
LOCK = ".lock"
# Holds the `Owner.place`; an empty one lets whoever comes next have the folder.
CITY = ".city"
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
PATIENCE_S = 5.0
_AGAIN_S = 0.02


class Busy(Unavailable):
    """Somebody else has the shelf."""


class Shelf:
    """The folder `path` of `owner`, which is made with its first file. Its own are files whose name `names` matches.

    `depth`: how many folders down they lie.
    """

    def __init__(self, path: Path, names: re.Pattern[str], owner: Owner, *, depth: int = 0) -> None:
        self.path = path
        self.owner = owner
        self._names = names
        self._depth = depth

    async def owned(self) -> bool:
        """Whether the folder is the owner's; False: it is nobody's, has no file, and the owner's rows name none.

        Raises `Unavailable` where it is another's, or is not what the owner's rows speak of.
        """
        found = await self._reached(self._city)
        if found is None:
            return await self._recognised()
        if not found:
            await self._reached(deposit.replace, self.path / CITY, self._line)
        elif found != self.owner.place:
            raise Unavailable(
                f"{self.path}: its {CITY} says that it is of {found}, and this city's database is {self.owner.place}: "
                f"give this city a folder of its own, or where the folder is this city's, empty its {CITY}"
            )
        return True

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold the shelf beside others who put files; raises as `owned`."""
        # Asked again, since another city may have been first.
        while not await self.owned():
            await self._reached(self._claim)
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

    async def remove(self, file: Path) -> None:
        """Take `file` away, for good when this returns, whether or not it was there; raises as `owned`."""
        if await self.owned():
            await self._reached(self._unlink, file)

    def _own(self, folder: Path, depth: int) -> Iterator[Path]:
        if not folder.is_dir():
            return
        for found in sorted(folder.iterdir()):
            if depth and found.is_dir() and not found.is_symlink():
                yield from self._own(found, depth - 1)
            elif not depth and self._names.fullmatch(found.name) and found.is_file():
                yield found

    async def _recognised(self) -> bool:
        """As `owned`, of a folder that says nothing: it is known by a file that is there and that a row names."""
        there = {file.name for file in await self._reached(lambda: list(self._own(self.path, self._depth)))}
        named = await self.owner.named()
        if any(named.get(name, False) for name in there):
            await self._reached(self._claim)
            return await self.owned()
        if there or named:
            raise Unavailable(
                f"{self.path}: it has no {CITY} and none of the files that {self.owner.place} names: mount it, bring "
                f"it back, or where it is this city's as it is, make an empty {CITY} in it"
            )
        return False

    @property
    def _line(self) -> bytes:
        return f"{self.owner.place}\n".encode()

    def _city(self) -> str | None:
        try:
            return (self.path / CITY).read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            return None

    def _claim(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Somebody may have been first.
        with suppress(FileExistsError):
            deposit.create(self.path / CITY, self._line)

    def _unlink(self, file: Path) -> None:
        file.unlink(missing_ok=True)
        deposit.sync(file.parent)

    async def _reached(self, work: Callable[P, T], *words: P.args, **more: P.kwargs) -> T:
        """Do `work` in the folder, which blocks."""
        try:
            return await asyncio.to_thread(work, *words, **more)
        except OSError as bad:
            what = f"{self.path}: {bad.strerror or bad}: make room, or let the city write there"
            raise (OutOfRoom if bad.errno in FULL else Unavailable)(what) from bad

    @asynccontextmanager
    async def _locked(self, how: int, patience_s: float) -> AsyncIterator[None]:
        lock = await self._reached(self._lock_file)
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
        return os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, deposit.SECRET)

    def _take(self, lock: int, how: int) -> bool:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as bad:
            raise Unavailable(f"{self.path}: its {LOCK} cannot be taken: {bad.strerror}") from bad
        return True
