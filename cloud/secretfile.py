"""A secret that stands in a file of its own, so that the settings can be shown around."""

import stat
from pathlib import Path

from contract.errors import SettingsError


def secret_in(file: Path, setting: str) -> str:
    """Return what stands in `file`, which `setting` names; `SettingsError` where others could read it, or we cannot."""
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise SettingsError(f"{setting}: {file}: others can read it; run: chmod 600 {file}")
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as bad:
        raise SettingsError(f"{setting}: {file}: cannot be read: {bad}") from bad
