"""Files that no row names: what is left where a process ended between a file and its row, taken away again."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from pathlib import Path

from cloud.shelf import Busy, Shelf
from contract.errors import Unavailable

logger = logging.getLogger(__name__)

# Of a database that names fewer files than are to go, it is likelier that it is not this folder's.
FEW = 3


class Orphans:
    """Looks for those of `shelf` that its owner's rows do not name."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def sweep(self, until: int) -> bool:
        """Remove those that were put before `until` (ms); False where somebody puts a file now: again later.

        Raises `Unavailable`, also where the folder is not its owner's; what was removed by then stays so.
        """
        if not await self._shelf.owned():
            return True
        try:
            if await self._found(until):
                async with self._shelf.alone():
                    # Again: a file may have come anew, and a row.
                    for file in await self._found(until):
                        await self._shelf.remove(file)
                        logger.warning("removed a file that no row names: %s", file)
        except Busy:
            return False
        except OSError as bad:
            raise Unavailable(f"{self._shelf.path}: {bad.strerror or bad}: let the city write there") from bad
        return True

    async def _found(self, until: int) -> list[Path]:
        old = await asyncio.to_thread(self._shelf.old, until)
        if not old:
            return []
        found = strays(old, await self._shelf.owner.named())
        if found is None:
            logger.warning("%s: most of its files are named by no row: is this its database? none is removed", old[0])
        return found or []


def strays(files: Collection[Path], named: Mapping[str, bool]) -> list[Path] | None:
    """Those of `files` that are not to be there; None where so many are unknown that the database is another's."""
    # What was being written has a dot before its name, and no row ever.
    unknown = sum(not file.name.startswith(".") and file.name not in named for file in files)
    if unknown > max(FEW, len(named)):
        return None
    return [file for file in files if not named.get(file.name, False)]
