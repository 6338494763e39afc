"""Seals and the city's key as an outsider hands them in: a file, a word of the command line."""

from pathlib import Path

from contract.errors import SettingsError
from contract.signing import public_key
from proof.seals import Sealed, read

# A day of a million windows has 130 MB of leaves; a wrong path must not pull a disk image into memory.
_LONGEST = 1 << 28


def read_text(file: Path) -> str:
    """Return what stands in `file`; raises `SettingsError`."""
    try:
        if file.stat().st_size > _LONGEST:
            raise SettingsError(f"{file}: {_LONGEST >> 20} MiB are more than any seal or proof has")
        # Notepad puts a mark before the first letter.
        return file.read_text(encoding="utf-8-sig")
    except OSError as bad:
        raise SettingsError(f"{file} cannot be read: {bad.strerror or bad}") from bad
    except UnicodeDecodeError as bad:
        raise SettingsError(f"{file} is no text: {bad}") from bad


def read_seals(file: Path) -> list[Sealed]:
    """Return the seals in `file`; raises `SettingsError`."""
    return read(read_text(file), str(file))


def city_key(text: str) -> bytes:
    """Return the 32 raw bytes of `--city`; raises `SettingsError`."""
    try:
        return public_key(text)
    except ValueError as bad:
        raise SettingsError(f"--city: {bad}; `manyi cloud keygen` printed it") from bad
