"""By which keys nodes and auditors signed: from the registry in the ledger's file, or from a list that was brought."""

from collections.abc import Iterable, Sequence

from contract.errors import SettingsError
from contract.keys import Key, Keys
from contract.signing import public_key
from proof.judgement import AUDITOR
from proof.sheet import Cell, named, pairs

# What a node's new key signs may have been pressed before it was registered; nobody judges before being an auditor.
REGISTERED = """
SELECT node, key, valid_to, 0 FROM node UNION ALL SELECT name, key, valid_to, valid_from FROM auditor ORDER BY 1
"""

# What reads like an auditor's name, and is what a column of names is called.
_HEADINGS = frozenset({"auditor", "code", "device", "id", "name", "node", "who"})


def registered(rows: Iterable[tuple[str, str, int | None, int]]) -> Keys:
    """Every key that the registry ever had, in its `rows` by `REGISTERED`, by the name of node or auditor."""
    keys: dict[str, list[Key]] = {}
    for name, key, valid_to, valid_from in rows:
        keys.setdefault(name, []).append(Key(public_key(key), valid_to, valid_from))
    return keys


def listed(rows: Iterable[Sequence[Cell]], source: str) -> Keys:
    """The keys in `rows`, a node or an auditor and a key each; the first row may be a heading.

    Raises `SettingsError`, which names `source` and the row, also where there is no key at all.
    """
    keys: dict[str, list[Key]] = {}
    for number, node, text in pairs(rows):
        try:
            key = Key(public_key(text))
        except ValueError as bad:
            if number == 1 and _heading(node):
                continue
            raise SettingsError(f"{source}: row {number}: key of {node!r}: {bad}") from bad
        keys.setdefault(node, []).append(key)
    if not keys:
        raise SettingsError(f"{source}: there is no key in it: expected a node or an auditor and a public key, a row")
    return keys


def _heading(first: str) -> bool:
    return first in _HEADINGS or not (named(first) or AUDITOR.fullmatch(first))
