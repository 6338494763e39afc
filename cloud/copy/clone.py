"""An SQLite file copied page by page, as it is at one moment: what only its log holds is in the copy too."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from contract.errors import Unavailable

# Of SQLite's pages, which have 4 KiB.
STEP_PAGES = 4_096


async def clone(source: Path, file: Path, tell: Callable[[int, int], None]) -> None:
    """Copy the database in `source` into the new `file`, while others may write to it; `tell` hears of its pages.

    Raises `Unavailable` when one cannot be read or the other not written. Cancelled, it has let go of both.
    """
    stopped = threading.Event()

    def step(_status: int, left: int, of: int) -> None:
        if stopped.is_set():
            raise Unavailable(f"{file}: stopped before it was whole")
        tell(of - left, of)

    copying = asyncio.get_running_loop().run_in_executor(None, _clone, source, file, step)
    try:
        await asyncio.shield(copying)
    except asyncio.CancelledError:
        # A thread cannot be cancelled, and whoever called is about to remove the file that it writes.
        stopped.set()
        await asyncio.wait([copying])
        raise


def _clone(source: Path, file: Path, step: Callable[[int, int, int], None]) -> None:
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)) as city,
            closing(sqlite3.connect(file)) as copied,
        ):
            # A transaction of our own: without it each commit of the city would begin the copy anew.
            city.execute("BEGIN")
            city.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            city.backup(copied, pages=STEP_PAGES, progress=step)
    except (OSError, sqlite3.Error) as bad:
        raise Unavailable(f"{source} cannot be copied to {file}: {bad}") from bad
