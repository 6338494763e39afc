"""Where a ledger is: a file, or the address of one, which is fetched first."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from contract.errors import SettingsError

_WAIT_S = 30.0


@contextmanager
def located(source: str) -> Iterator[Path]:
    """The file `source`, or what is at that http(s) address, for as long as the context is open.

    Raises `SettingsError` where it cannot be fetched.
    """
    if not source.startswith(("http://", "https://")):
        yield Path(source)
        return
    with tempfile.TemporaryDirectory(prefix="manyi-ledger-") as folder:
        file = Path(folder) / "manyi.db"
        try:
            with urlopen(source, timeout=_WAIT_S) as answer, file.open("wb") as kept:  # noqa: S310  (asked for just above)
                shutil.copyfileobj(answer, kept, 1 << 20)
        except (OSError, HTTPException, ValueError) as bad:
            raise SettingsError(f"{source} cannot be fetched: {bad}") from bad
        yield file
