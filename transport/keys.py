"""A private key in its file: 32 random bytes as base64url text, readable by its owner alone."""

import os
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

from contract.errors import SettingsError
from contract.signing import Signer

SEED_BYTES = 32
# A key file is 44 bytes; a wrong path must not pull a disk image into memory.
_LONGEST = 256


def read_key(path: Path) -> Signer:
    """Read the signer whose seed stands in `path`; `SettingsError` says what is wrong, never what is in the file."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(_LONGEST).strip()
    except OSError as bad:
        raise SettingsError(f"{path}: cannot be read as a key: {bad.strerror}; `keygen {path}` makes one") from bad
    if mode & 0o077:
        raise SettingsError(f"{path}: mode {mode:04o} lets others at the key; allowed: 0600 or 0400")
    try:
        seed = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES or urlsafe_b64encode(seed).rstrip(b"=") != text:
        raise SettingsError(f"{path}: a key is {SEED_BYTES} bytes as base64url text (43 characters), this is not")
    return Signer(seed)


def new_key(path: Path, *, random: Callable[[int], bytes] = os.urandom) -> str:
    """Make a key in the new file `path`, on disk when this returns; return the public key to register with the city.

    A file that exists is never touched: `SettingsError`.
    """
    seed = random(SEED_BYTES)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(urlsafe_b64encode(seed).rstrip(b"=") + b"\n")
            file.flush()
            os.fsync(descriptor)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError as bad:
        raise SettingsError(f"{path}: there is a file already; a key is never overwritten") from bad
    except OSError as bad:
        raise SettingsError(f"{path}: a key cannot be written here: {bad.strerror}") from bad
    return Signer(seed).public
