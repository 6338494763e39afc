"""The files by which a new store takes the place of a damaged one, so that a cut at any moment loses neither.

`X.begun` is a new store in the making and worth nothing. `X.ready` is whole: from when it has this name on, it is the
store, and whoever opens `X` puts aside what is left of the damaged one and gives it the name.
"""

import os
from pathlib import Path

from transport.disk import TAILS, set_aside


def begun(path: Path) -> Path:
    """Where a store that is to take the place of `path` is made; what an earlier attempt left there is gone."""
    file = path.with_name(f"{path.name}.begun")
    for tail in TAILS:
        file.with_name(file.name + tail).unlink(missing_ok=True)
    return file


def finish(path: Path) -> None:
    """The one that was begun for `path` is whole, and closed."""
    path.with_name(f"{path.name}.begun").rename(_ready(path))
    _sync(path.parent)


def take_place(path: Path) -> Path | None:
    """Where one is ready for `path`, put aside what is there and let it in; where what was there is kept."""
    ready = _ready(path)
    if not ready.exists():
        return None
    aside = set_aside(path)
    ready.rename(path)
    _sync(path.parent)
    return aside


def _ready(path: Path) -> Path:
    return path.with_name(f"{path.name}.ready")


def _sync(folder: Path) -> None:
    """Have the names in `folder` on the disk."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
