"""Whether what a city refused deserved it, as far as its bytes are still kept."""

import sqlite3
from collections.abc import Callable, Mapping
from typing import NamedTuple

from contract.batch import Batch, StreamKey
from contract.bundle import Signed, digest
from contract.codec import decode_batch, is_batch
from contract.errors import Reason, Refused
from contract.keys import Keys, signed
from contract.ranges import Ranges
from proof.findings import Finding, Rule, spelled

# Bytes that were cut are no longer what was refused.
_KEPT = "SELECT id, reason, digest, raw FROM quarantine WHERE length(raw) = size ORDER BY id"


class Looked(NamedTuple):
    """How many refused inputs were looked at, and of how many `conflicts` between two ratings a node signed both."""

    refused: int
    conflicts: int


def check(
    ledger: sqlite3.Connection, keys: Keys, given: Mapping[StreamKey, Ranges], *, find: Callable[[Finding], None]
) -> Looked:
    """Look at the quarantine of `ledger`, which holds the numbers `given`; `find` is told what it should hold too.

    A batch that its node signed is either in the ledger, whatever became of one copy of it, or contradicts what is.
    """
    refused = conflicts = 0
    for number, reason, named, raw in ledger.execute(_KEPT):
        refused += 1
        where = f"quarantine {number}"
        if not isinstance(raw, bytes) or digest(raw) != named:
            find(Finding(Rule.ALTERED, where, "its bytes are not those that were refused"))
            continue
        entry = Signed.of(raw)
        if (batch := _batch(entry)) is not None and signed(entry, keys.get(batch.node, ()), batch.t0):
            missing = Ranges([(batch.first, batch.last)]) - given.get(batch.stream, Ranges())
            conflicts += reason == Reason.CONFLICT
            if missing:
                said = f"{batch.node} signed it, it was refused as {reason}, and is nowhere in the ledger"
                find(Finding(Rule.QUARANTINE, f"{where}, {batch.node}/{batch.epoch} number {spelled(missing)}", said))
    return Looked(refused, conflicts)


def _batch(entry: Signed) -> Batch | None:
    try:
        return decode_batch(entry.body) if is_batch(entry.body) else None
    except Refused:
        return None
