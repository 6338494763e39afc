"""`manyi audit`: whether a ledger is whole, unaltered and as its seals closed it, and every tally follows from it."""

import argparse
import json
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path

from contract.errors import SettingsError
from contract.identity import NODE
from contract.keys import Keys
from proof import certificates, spreadsheet
from proof import keys as known
from proof.audit import Account, Auditor
from proof.findings import NAMED, Finding
from proof.ledger import snapshot
from proof.sealtext import city_key, read_seals
from proof.source import located
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
        "every judgement by two auditors, every tally and published score as the ledger has it, and every day as its "
        "seal closed it. Names each bad row. Exit code 0 where all holds, 1 where something does not, 2 where a file "
        "cannot be used.",
    )
    audit.set_defaults(run=run)
    audit.add_argument(
        "--keys",
        metavar="FILE",
        type=Path,
        help="a node or an auditor, and the public key, a row (.csv or .xlsx), from where you trust it; else the "
        "file's own registry",
    )
    audit.add_argument(
        "--ca",
        metavar="FILE",
        type=Path,
        help="the CA's certificate: then nodes' keys are those that it certified, by the certificates in the ledger",
    )
    audit.add_argument(
        "--seal",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="seals of this ledger that were kept elsewhere, as `manyi seal` or /api/seals wrote them; more than once",
    )
    audit.add_argument("--city", metavar="KEY", help="the city's public key, from where you trust it")


def run(options: argparse.Namespace) -> int:
    """Audit as `options` ask for; 0 or 1. Raises `SettingsError`."""
    zone = zone_of(options.zone)
    brought = None if options.keys is None else known.listed(spreadsheet.read(options.keys), str(options.keys))
    ca = None if options.ca is None else certificates.authority(options.ca)
    city = None if options.city is None else city_key(options.city)
    seals = [one for file in options.seal for one in read_seals(file)]
    found: list[Finding] = []
    counts: Counter[str] = Counter()

    def find(finding: Finding) -> None:
        counts[finding.rule] += 1
        if counts[finding.rule] <= NAMED:
            found.append(finding)

    with located(options.database) as file, snapshot(file) as ledger:
        keys = _keys(ledger, brought)
        if ca is None:
            certificates.readable(ledger, find=find)
        else:
            # It certifies nodes; auditors' keys are as without it.
            others = {name: some for name, some in keys.items() if not NODE.fullmatch(name)}
            keys = others | dict(certificates.certified(ledger, ca, find=find))
        account = Auditor(ledger, keys, zone, city=city, seals=seals, find=find, tell=_Progress()).run()
    if options.as_json:
        told = {**account._asdict(), "good": not found, "findings": counts, "named": [one._asdict() for one in found]}
        sys.stdout.write(f"{json.dumps(told, ensure_ascii=False)}\n")
    else:
        own: list[str] = []
        if brought is None and ca is None:
            own.append("--keys")
        elif brought is None and account.judgements:
            own.append("--keys for auditors")
        if city is None:
            own.append("--city")
        sys.stdout.write(_summary(account, found, counts, own))
    return 1 if found else 0


def _keys(ledger: sqlite3.Connection, brought: Keys | None) -> Keys:
    try:
        return known.registered(ledger.execute(known.REGISTERED)) if brought is None else brought
    except ValueError as bad:
        raise SettingsError(f"the registry holds a key that is none: {bad}") from bad


def _summary(account: Account, found: list[Finding], counts: Counter[str], own: list[str]) -> str:
    lines = [f"{one.rule}: {one.where}: {one.detail}" for one in found]
    lines += [f"{rule}: and {count - NAMED:,} more" for rule, count in counts.items() if count > NAMED]
    lines.append(
        f"ledger up to position {account.position:,}: {account.batches:,} batches of {account.streams:,} streams, "
        f"{account.ratings:,} ratings, of which {account.counted:,} count; {account.void:,} declared lost"
    )
    if account.judgements:
        lines.append(f"{account.judgements:,} judgements of flags, each by two auditors")
    if account.refused:
        lines.append(
            f"{account.refused:,} refused entries in quarantine; in {account.conflicts:,} a node signed a number "
            "for the second time with another rating"
        )
    lines.append(_closed(account))
    if own:
        lines.append(f"the file itself says whose keys they are; with {' and '.join(own)} they are those you trust")
    lines.append(f"{sum(counts.values()):,} findings" if found else "all of it holds")
    return "\n".join(lines) + "\n"


def _closed(account: Account) -> str:
    if not account.seals:
        return "no day of it is sealed"
    since = account.position - account.sealed
    return (
        f"sealed up to position {account.sealed:,}, the end of {account.sealed_day} (seals: {account.seals:,}); "
        f"{since:,} entries came since"
    )


class _Progress:
    """Says on stderr how far it is, once a second, where somebody looks."""

    def __init__(self) -> None:
        self._due = time.monotonic() + _TELL_S

    def __call__(self, done: int, total: int) -> None:
        if sys.stderr.isatty() and (now := time.monotonic()) >= self._due:
            self._due = now + _TELL_S
            sys.stderr.write(f"\r{done:,} of {total:,} batches" + ("\n" if done == total else ""))
