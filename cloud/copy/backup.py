"""A city's database as one SQLite file that is complete in itself, from either database, while the city runs.

One format for both: whoever audits reads it with `proof` and nothing else, and it can be restored into either.
"""

import asyncio
import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL

from cloud.address import SQLITE, shown
from cloud.copy.clone import clone
from cloud.copy.copier import Tell, copy
from cloud.copy.look import revision_of_city
from cloud.copy.source import open_source
from cloud.copy.target import Target
from cloud.database import open_database, unavailable
from contract.errors import SettingsError, Unavailable

# What a file system says that knows no second name for a file, such as a USB stick's.
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


async def backup(url: URL, file: Path, tell: Tell) -> int:
    """Write the city at `url` to the new `file`, as it is at one moment; how many bytes that has.

    It is written beside itself first (`.part`), so that a file of this name is always whole. A city on SQLite may be
    of an older revision; its backup is of the same. Raises `SettingsError` when there is a `file` already or no whole
    city, `Unavailable` when it cannot be read or written; then nothing of the backup is left.
    """
    with _beside(file) as part:
        if url.drivername == SQLITE:
            await revision_of_city(url)
            await clone(Path(url.database or ""), part, lambda done, of: tell("copy", done, of))
        else:
            await _copy(url, part, tell)
        await asyncio.to_thread(_seal, part, file)
    return file.stat().st_size  # noqa: ASYNC240  (one look at a file just written)


def _check_free(file: Path) -> None:
    if file.exists():
        raise _taken(file)
    if not file.parent.is_dir():
        raise SettingsError(f"backup {file}: there is no folder {file.parent}")


def _taken(file: Path) -> SettingsError:
    return SettingsError(f"backup {file}: is there already, and no backup is ever overwritten: give another name")


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """Where to write what becomes `file`: begun without what a killed backup left, and none is left behind."""
    part = file.with_name(f"{file.name}.part")
    try:
        _check_free(file)
        _remove(part)
        try:
            yield part
        finally:
            _remove(part)
    except sqlite3.Error as bad:
        raise Unavailable(f"backup {part}: {bad}") from bad
    except OSError as bad:
        raise Unavailable(f"backup {part}: {bad.strerror}") from bad


def _remove(part: Path) -> None:
    for left in (part, *(part.with_name(f"{part.name}-{kind}") for kind in ("wal", "shm", "journal"))):
        left.unlink(missing_ok=True)


async def _copy(url: URL, part: Path, tell: Tell) -> None:
    async with open_source(url) as source, await open_database(str(part)) as database:
        target = Target(database, str(part))
        copied = await copy(source, target, shown(url), tell)
        if copied.disagreements:
            raise Unavailable(f"backup {part}: {'; '.join(copied.disagreements)}")
        with unavailable():
            await target.finish()


def _seal(part: Path, file: Path) -> None:
    """Make one file of it, look whether it is sound, and put it under its name once it is on the disk."""
    # Never made here: an empty database would be sound.
    with closing(sqlite3.connect(f"{part.resolve().as_uri()}?mode=rw", uri=True)) as copied:
        copied.execute("PRAGMA journal_mode = DELETE")
        (verdict,) = copied.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise Unavailable(f"backup {part}: is not sound: {verdict}")
    _sync(part)
    try:
        _name(part, file)
    except FileExistsError as bad:
        raise _taken(file) from bad
    _sync(file.parent)


def _name(part: Path, file: Path) -> None:
    """Give the backup its name; raises `FileExistsError` where that was taken meanwhile."""
    try:
        os.link(part, file)
    except OSError as bad:
        if bad.errno not in _NO_LINKS:
            raise
        file.touch(exist_ok=False)
        try:
            part.replace(file)
        except OSError:
            file.unlink()
            raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
