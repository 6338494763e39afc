"""A small file put on disk whole: there with all that is in it when the call returns, or not there at all."""

import errno
import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

SECRET = 0o600
PUBLIC = 0o644


def create(path: Path, content: bytes, mode: int = SECRET) -> None:
    """Write the new file `path`; raises `FileExistsError` or another `OSError`, and then nothing has changed."""
    # Of a file that is there, a full disk must not be what is told.
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    beside = _beside(path)
    try:
        _write(beside, content, mode)
        # Unlike a renaming this takes the place of nothing.
        os.link(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    try:
        sync(path.parent)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def replace(path: Path, content: bytes, mode: int = SECRET) -> None:
    """Write `path` in place of what is there, which whoever reads meanwhile sees whole; raises `OSError`."""
    beside = _beside(path)
    try:
        _write(beside, content, mode)
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    sync(path.parent)


def rename(path: Path, to: Path) -> None:
    """Give the file `path` the name `to`, in place of what is there, on disk when this returns; raises `OSError`."""
    path.replace(to)
    sync(to.parent)


def sync(folder: Path) -> None:
    """Return when the names in `folder` are on disk; raises `OSError`."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _beside(path: Path) -> Path:
    """A name of its own, since two may write one file at once. What a power cut leaves there, nobody reads."""
    return path.with_name(f".{path.name}.{token_hex(8)}")


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
