"""Where files are kept: in a folder, each under its SHA-256, whole and on the disk before anybody hears of it."""

import re
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from cloud.owner import Owner
from cloud.shelf import FULL, Shelf
from contract.errors import ManyiError, OutOfRoom, Unavailable
from transport import deposit

# A file, or what a power cut leaves of writing one.
NAMES = re.compile(r"[0-9a-f]{64}|\.{1,2}[0-9a-f]{64}(\.[0-9a-f]{16}){1,2}")


class Altered(ManyiError):  # noqa: N818  (as in `contract.errors`: the name says what happened)
    """A file that is not there any more, or not as it came; it is given to nobody."""


class Folder:
    """The files of `owner` in the folder at `path`, which is made with its first one. What is asked of it blocks."""

    def __init__(self, path: Path, owner: Owner) -> None:
        # Who gives a file holds it until the step that names the file is there.
        self.shelf = Shelf(path, NAMES, owner, depth=1)
        self._path = path

    def where(self, digest: str) -> Path:
        """Return where the file with this SHA-256 (64 hexadecimal digits) is kept."""
        return self._path / digest[:2] / digest

    def put(self, raw: bytes) -> str:
        """Keep `raw`, and return its SHA-256: it survives a power cut from then on. Twice is as good as once.

        Raises `OutOfRoom`, and `Unavailable` where it cannot be written for another reason; then nothing is there.
        """
        digest = sha256(raw).hexdigest()
        try:
            self._write(raw, self.where(digest))
        except OSError as bad:
            what = f"attachments: {self._path}: {bad.strerror or bad}: make room, or let the city write there"
            raise (OutOfRoom if bad.errno in FULL else Unavailable)(what) from bad
        return digest

    def get(self, digest: str, size: int) -> bytes:
        """Return the file with this SHA-256 and of this size; raises `Altered`."""
        file = self.where(digest)
        try:
            if file.stat().st_size != size:
                raise Altered(f"attachments: {file}: it has not its {size} bytes: bring it back from a backup")
            raw = file.read_bytes()
        except OSError as bad:
            raise Altered(f"attachments: {file}: {bad.strerror or bad}: bring it back from a backup") from bad
        if sha256(raw).hexdigest() != digest:
            raise Altered(f"attachments: {file}: it was altered: bring it back from a backup")
        return raw

    def _write(self, raw: bytes, file: Path) -> None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A name of its own, since two may give one file at once. What a power cut leaves there, nobody reads.
        part = file.with_name(f".{file.name}.{token_hex(8)}")
        try:
            deposit.create(part, raw)
            deposit.rename(part, file)
        finally:
            part.unlink(missing_ok=True)
        # The folders may be new.
        for folder in (self._path, self._path.parent):
            deposit.sync(folder)
