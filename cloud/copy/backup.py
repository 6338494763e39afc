"""A city's database as one SQLite file that is complete in itself, from either database, while the city runs.

One format for both: whoever audits reads it with `proof` and nothing else, and it can be restored into either.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL

from cloud.address import SQLITE, shown
from cloud.copy.copier import Tell, copy
from cloud.copy.source import open_source
from cloud.copy.target import Target
from cloud.database import open_database
from contract.errors import SettingsError, Unavailable

# Of SQLite's pages, which have 4 KiB.
STEP_PAGES = 4_096


async def backup(url: URL, file: Path, tell: Tell) -> int:
    """Write the city at `url` to the new `file`, as it is at one moment; how many bytes that has.

    It is written beside itself first (`.part`), so that a file of this name is always whole. Raises `SettingsError`
    when there is a `file` already or no city, `Unavailable` when it cannot be read or written.
    """
    part = file.with_name(f"{file.name}.part")
    _make_room(file, part)
    try:
        if url.drivername == SQLITE:
            async with open_source(url):
                pass  # it is there, and of this program's schema
            await asyncio.to_thread(_clone, Path(url.database or ""), part, lambda done, of: tell("copy", done, of))
        else:
            await _copy(url, part, tell)
        await asyncio.to_thread(_seal, part, file)
    except sqlite3.Error as bad:
        raise Unavailable(f"backup {part}: {bad}") from bad
    except OSError as bad:
        raise Unavailable(f"backup {part}: {bad.strerror}") from bad
    return file.stat().st_size  # noqa: ASYNC240  (one look at a file just written)


def _make_room(file: Path, part: Path) -> None:
    if file.exists():
        raise SettingsError(f"backup {file}: is there already, and no backup is ever overwritten: give another name")
    if not file.parent.is_dir():
        raise SettingsError(f"backup {file}: there is no folder {file.parent}")
    for left in (part, *(part.with_name(f"{part.name}-{kind}") for kind in ("wal", "shm", "journal"))):
        left.unlink(missing_ok=True)


def _clone(source: Path, part: Path, tell: Callable[[int, int], None]) -> None:
    """Copy an SQLite file page by page, as it is at one moment."""
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)) as city,
        closing(sqlite3.connect(part)) as copied,
    ):
        # A transaction of our own: without it each commit of the city would begin the copy anew.
        city.execute("BEGIN")
        city.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        city.backup(copied, pages=STEP_PAGES, progress=lambda _, left, of: tell(of - left, of))


async def _copy(url: URL, part: Path, tell: Tell) -> None:
    async with open_source(url) as source, await open_database(str(part)) as database:
        copied = await copy(source, Target(database, str(part)), shown(url), tell)
    if copied.disagreements:
        raise Unavailable(f"backup {part}: {'; '.join(copied.disagreements)}")


def _seal(part: Path, file: Path) -> None:
    """Make one file of it, look whether it is sound, and put it under its name once it is on the disk."""
    with closing(sqlite3.connect(part)) as copied:
        copied.execute("PRAGMA journal_mode = DELETE")
        (verdict,) = copied.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise Unavailable(f"backup {part}: is not sound: {verdict}")
    _sync(part)
    part.rename(file)
    _sync(file.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
