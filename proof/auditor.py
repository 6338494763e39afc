"""`manyi audit`: whether a ledger is whole and unaltered, and every tally follows from it."""

import argparse
import json
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path

from contract.errors import SettingsError
from proof import keys as known
from proof import spreadsheet
from proof.audit import NAMED, Account, Auditor, Finding
from proof.keys import Keys
from proof.ledger import snapshot
from proof.zone import zone_of

_TELL_S = 1.0


def offer(words: "argparse._SubParsersAction[argparse.ArgumentParser]", common: argparse.ArgumentParser) -> None:
    """Add `audit`, which has the `common` options too, to the `words` of a command line."""
    audit = words.add_parser(
        "audit",
        parents=[common],
        help="check that nothing was taken out of a ledger, put in or changed",
        description="Check a ledger, offline: positions without a gap, every batch and hello signed by its node, every "
        "stream whole from 1 to the last number that its node signed for, every row that does not count rightly held, "
        "and every tally as the ledger has it. Names each bad row. Exit code 0 where all holds, 1 where something does "
        "not, 2 where a file cannot be used.",
    )
    audit.set_defaults(run=run)
    audit.add_argument(
        "--keys",
        metavar="FILE",
        type=Path,
        help="a node and its public key a row (.csv or .xlsx), from where you trust it; else the file's own registry",
    )


def run(options: argparse.Namespace) -> int:
    """Audit as `options` ask for; 0 or 1. Raises `SettingsError`."""
    zone = zone_of(options.zone)
    brought = None if options.keys is None else known.listed(spreadsheet.read(options.keys), str(options.keys))
    found: list[Finding] = []
    counts: Counter[str] = Counter()

    def find(finding: Finding) -> None:
        counts[finding.rule] += 1
        if counts[finding.rule] <= NAMED:
            found.append(finding)

    with snapshot(options.database) as ledger:
        account = Auditor(ledger, _keys(ledger, brought), zone, find=find, tell=_Progress()).run()
    if options.as_json:
        told = {**account._asdict(), "good": not found, "findings": counts, "named": [one._asdict() for one in found]}
        sys.stdout.write(f"{json.dumps(told, ensure_ascii=False)}\n")
    else:
        sys.stdout.write(_summary(account, found, counts, own_keys=brought is None))
    return 1 if found else 0


def _keys(ledger: sqlite3.Connection, brought: Keys | None) -> Keys:
    try:
        return known.registered(ledger) if brought is None else brought
    except ValueError as bad:
        raise SettingsError(f"the registry holds a key that is none: {bad}") from bad


def _summary(account: Account, found: list[Finding], counts: Counter[str], *, own_keys: bool) -> str:
    lines = [f"{one.rule}: {one.where}: {one.detail}" for one in found]
    lines += [f"{rule}: and {count - NAMED:,} more" for rule, count in counts.items() if count > NAMED]
    lines.append(
        f"ledger up to position {account.position:,}: {account.batches:,} batches of {account.streams:,} streams, "
        f"{account.ratings:,} ratings, of which {account.counted:,} count; {account.void:,} declared lost"
    )
    if own_keys:
        lines.append("the keys are those of the file's own registry; with --keys they are yours")
    lines.append(f"{sum(counts.values()):,} findings" if found else "all of it holds")
    return "\n".join(lines) + "\n"


class _Progress:
    """Says on stderr how far it is, once a second, where somebody looks."""

    def __init__(self) -> None:
        self._due = time.monotonic() + _TELL_S

    def __call__(self, done: int, total: int) -> None:
        if sys.stderr.isatty() and (now := time.monotonic()) >= self._due:
            self._due = now + _TELL_S
            sys.stderr.write(f"\r{done:,} of {total:,} batches" + ("\n" if done == total else ""))
