"""By which keys nodes signed: from the registry in the ledger's own file, or from a list that the auditor brought."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from contract.bundle import Signed
from contract.errors import SettingsError
from contract.signing import public_key, verify
from proof.sheet import Cell, pairs

_REGISTERED = "SELECT node, key, valid_to FROM node ORDER BY node, valid_from DESC"


class Key(NamedTuple):
    """32 raw bytes, and before when (ms) what they sign must have been pressed; None: until further notice."""

    raw: bytes
    until: int | None = None


Keys = Mapping[str, Sequence[Key]]


def registered(ledger: sqlite3.Connection) -> Keys:
    """Every key that the registry in `ledger` ever had, by node, the newest first."""
    keys: dict[str, list[Key]] = {}
    for node, key, valid_to in ledger.execute(_REGISTERED):
        keys.setdefault(node, []).append(Key(public_key(key), valid_to))
    return keys


def listed(rows: Iterable[Sequence[Cell]], source: str) -> Keys:
    """The keys in `rows`, a node and a key each; the first row may be a heading.

    Raises `SettingsError`, which names `source` and the row.
    """
    keys: dict[str, list[Key]] = {}
    for number, node, text in pairs(rows):
        try:
            key = Key(public_key(text))
        except ValueError as bad:
            if number == 1:
                continue
            raise SettingsError(f"{source}: row {number}: key of {node!r}: {bad}") from bad
        keys.setdefault(node, []).append(key)
    return keys


def signed(entry: Signed, keys: Sequence[Key], at: int) -> bool:
    """Whether one of `keys` signed `entry`, whose ratings begin at `at` (ms)."""
    return any(verify(entry.body, entry.signature, key.raw) for key in keys if key.until is None or at < key.until)
