"""Who may tell the gateway that a service was finished, and how long somebody is asked then."""

import re
import stat
from pathlib import Path
from typing import Annotated

import msgspec

from contract.errors import SettingsError

# As much as 190 random bits in base64url, which is what `openssl rand -base64 24` prints.
LEAST_SECRET = 32
_SECRET = re.compile(r"[!-~]+")


class Visits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`secret`: the file with what the queue's system says in its `Authorization: Bearer`; `store`: the visits' file.

    `wait_s`: how long whoever was served is asked.
    """

    secret: str
    store: str = "visits.db"
    wait_s: Annotated[float, msgspec.Meta(ge=1, le=600)] = 20.0

    def seen_from(self, folder: Path) -> "Visits":
        """Return the same with its paths made relative to `folder`."""
        return msgspec.structs.replace(self, secret=str(folder / self.secret), store=str(folder / self.store))


def secret_of(visits: Visits) -> str:
    """Return the secret; `SettingsError` where it cannot be read, others can read it, or it is easily guessed."""
    file = Path(visits.secret)
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise SettingsError(f"visits.secret: {file}: others can read it; run: chmod 600 {file}")
        secret = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as bad:
        raise SettingsError(f"visits.secret: {file}: cannot be read: {bad}") from bad
    if len(secret) < LEAST_SECRET or not _SECRET.fullmatch(secret):
        what = f"at least {LEAST_SECRET} letters, digits and signs without a space"
        raise SettingsError(f"visits.secret: {file}: expected {what}; run: openssl rand -base64 24 > {file}")
    return secret
