"""A small file put on disk whole: there with all that is in it when the call returns, or not there at all."""

import os
from pathlib import Path

SECRET = 0o600
PUBLIC = 0o644


def create(path: Path, content: bytes, mode: int = SECRET) -> None:
    """Write the new file `path`; raises `FileExistsError`, then nothing has changed, or another `OSError`."""
    _write(path, content, mode)
    _sync(path.parent)


def replace(path: Path, content: bytes, mode: int = SECRET) -> None:
    """Write `path` in place of what is there, which whoever reads meanwhile sees whole; raises `OSError`."""
    beside = path.with_name(f".{path.name}.new")
    # What an interrupted attempt left there may have another mode.
    beside.unlink(missing_ok=True)
    _write(beside, content, mode)
    beside.replace(path)
    _sync(path.parent)


def rename(path: Path, to: Path) -> None:
    """Give the file `path` the name `to`, in place of what is there, on disk when this returns; raises `OSError`."""
    path.replace(to)
    _sync(to.parent)


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
