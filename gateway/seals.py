"""The seals that a gateway keeps, as its township's evidence: `manyi gateway seals`."""

import sqlite3
from contextlib import closing
from pathlib import Path

from contract.errors import Refused, SettingsError
from gateway.papers import SEAL
from proof.seals import Sealed, opened

KEPT = "SELECT name, raw FROM paper WHERE name GLOB ?"


def kept(journal: Path) -> list[Sealed]:
    """Every seal in the `journal` of a gateway, which may run meanwhile, by number; raises `SettingsError`."""
    try:
        with closing(sqlite3.connect(f"{journal.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            found = [_opened(journal, *row) for row in connection.execute(KEPT, (f"{SEAL}*",))]
    except sqlite3.Error as bad:
        raise SettingsError(f"{journal} cannot be read as a gateway's journal: {bad}") from bad
    return sorted(found, key=lambda one: one.seal.number)


def _opened(journal: Path, name: str, raw: bytes) -> Sealed:
    try:
        return opened(raw)
    except Refused as bad:
        raise SettingsError(f"{journal}: {name} cannot be read: {bad.detail}; the journal is damaged") from bad
