"""A private key in its file: 32 random bytes as base64url text, readable by its owner alone."""

import os
import stat
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

from contract.errors import SettingsError
from contract.signing import Signer
from transport.deposit import create

SEED_BYTES = 32
# A key file is 44 bytes; a wrong path must not pull a disk image into memory.
_LONGEST = 256
# OneAsymmetricKey of version 1, algorithm 1.3.101.112, and the head of the 32 bytes that follow.
_PKCS8 = bytes.fromhex("302e020100300506032b657004220420")


def read_seed(path: Path) -> bytes:
    """Read the 32 secret bytes in `path`; `SettingsError` says what is wrong, never what is in the file."""
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
    if len(seed) != SEED_BYTES or as_text(seed) != text:
        raise SettingsError(f"{path}: a key is {SEED_BYTES} bytes as base64url text (43 characters), this is not")
    return seed


def read_key(path: Path) -> Signer:
    """Read the signer whose seed stands in `path`; raises as `read_seed`."""
    return Signer(read_seed(path))


def as_text(raw: bytes) -> bytes:
    """Return `raw` as it stands in a key file: base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=")


def pem(seed: bytes) -> bytes:
    """Return `seed` as the PEM text that TLS libraries take: PKCS #8, where 16 fixed bytes go before it (RFC 8410)."""
    return b"-----BEGIN PRIVATE KEY-----\n%b\n-----END PRIVATE KEY-----\n" % b64encode(_PKCS8 + seed)


def new_key(path: Path, *, random: Callable[[int], bytes] = os.urandom) -> str:
    """Make a key in the new file `path`, on disk when this returns; return the public key to register with the city.

    A file that exists is never touched: `SettingsError`.
    """
    seed = random(SEED_BYTES)
    try:
        create(path, as_text(seed) + b"\n")
    except FileExistsError as bad:
        raise SettingsError(f"{path}: there is a file already; a key is never overwritten") from bad
    except OSError as bad:
        raise SettingsError(f"{path}: a key cannot be written here: {bad.strerror}") from bad
    return Signer(seed).public
