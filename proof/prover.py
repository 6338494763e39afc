"""`manyi prove`: the proof of one rating, for whoever is to believe that it stands in the ledger."""

import argparse
import sqlite3
import sys
from pathlib import Path

import msgspec

from contract.batch import MAX_NUMBER, MAX_ROWS
from contract.errors import Refused, SettingsError, StoreDamaged
from proof.inclusion import Inclusion, proved
from proof.ledger import batch_at, snapshot
from proof.seals import Sealed, leaf, opened
from proof.source import located

_GIVING = """
SELECT epoch, min(position), raw FROM ledger_entry
WHERE kind = 'batch' AND node = ? AND first > ? - ? AND first <= ? AND last >= ? GROUP BY epoch ORDER BY 2
"""
_SEAL = "SELECT position, raw FROM ledger_entry WHERE kind = 'seal' AND last >= ? ORDER BY last LIMIT 1"
_LEAVES = "SELECT position, kind, raw FROM ledger_entry WHERE position BETWEEN ? AND ? ORDER BY position"


def offer(words: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add `prove`, which has the `common` options too, to the `words` of a command line."""
    prove = words.add_parser(
        "prove",
        parents=[common],
        help="prove that one rating stands in the ledger",
        description="Write the proof that one rating stands in the ledger under the seal of a day: its batch as the "
        "node signed it, the way up the Merkle tree, and the seal. `manyi verify` checks it with nothing else at hand. "
        "It shows the batch's other ratings too. Exit code 2 where there is no such rating, or its day is not sealed.",
    )
    prove.set_defaults(run=run)
    prove.add_argument("node", help="the node that gave it, e.g. 371721121-a1")
    prove.add_argument("number", type=int, help="its number")
    prove.add_argument("--epoch", help="the node's run that gave it, where several have that number")
    prove.add_argument("--out", metavar="FILE", type=Path, help="where the proof goes; stdout")


def run(options: argparse.Namespace) -> int:
    """Prove what `options` ask for; raises `SettingsError`."""
    with located(options.database) as file, snapshot(file) as ledger:
        proof = _prove(ledger, options.node, options.number, options.epoch)
    text = msgspec.json.format(msgspec.json.encode(proof), indent=1).decode() + "\n"
    if options.out is None:
        sys.stdout.write(text)
        return 0
    try:
        options.out.write_text(text, encoding="utf-8")
    except OSError as bad:
        raise SettingsError(f"{options.out} cannot be written: {bad.strerror or bad}") from bad
    return 0


def _prove(ledger: sqlite3.Connection, node: str, number: int, epoch: str | None) -> Inclusion:
    asked = (node, number, MAX_ROWS, number, number)
    # SQLite takes no number that is longer than any rating's.
    found = ledger.execute(_GIVING, asked).fetchall() if 1 <= number <= MAX_NUMBER else []
    giving = [one for one in found if epoch in (None, one[0])]
    if not giving:
        raise SettingsError(f"number {number} of {node}{f'/{epoch}' if epoch else ''} is not in this ledger")
    if len(giving) > 1:
        epochs = ", ".join(one[0] for one in giving)
        raise SettingsError(f"{len(giving)} runs of {node} have a number {number}; --epoch says which: {epochs}")
    ((epoch, position, raw),) = giving
    try:
        batch_at(position, raw)
        sealed = _seal_over(ledger, position)
    except StoreDamaged as bad:
        raise SettingsError(f"{bad}; `manyi audit` names what is wrong") from bad
    return proved(node, epoch, number, position=position, entry=raw, sealed=sealed)


def _seal_over(ledger: sqlite3.Connection, position: int) -> Sealed:
    """The seal that closed `position`, with its leaves as the ledger has them now.

    Raises `SettingsError`, and `StoreDamaged` where an entry cannot be read.
    """
    row = ledger.execute(_SEAL, (position,)).fetchone()
    if row is None:
        raise SettingsError(f"position {position} is not sealed yet: its day is closed at midnight")
    try:
        sealed = opened(_bytes(*row))
    except Refused as bad:
        raise StoreDamaged(f"ledger position {row[0]} cannot be read: {bad.detail}") from bad
    entries = ledger.execute(_LEAVES, (sealed.seal.first, sealed.seal.last)).fetchall()
    leaves = tuple(leaf(kind, _bytes(place, raw)) for place, kind, raw in entries)
    if len(leaves) != sealed.seal.last - sealed.seal.first + 1:
        raise SettingsError(f"entries that seal {sealed.seal.number} closed are missing; `manyi audit` names them")
    return sealed._replace(leaves=leaves)


def _bytes(position: int, raw: object) -> bytes:
    if not isinstance(raw, bytes):
        raise StoreDamaged(f"ledger position {position} cannot be read: {type(raw).__name__} in place of bytes")
    return raw
