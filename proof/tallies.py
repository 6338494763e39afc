"""The tallies that a city keeps beside its ledger: reading them, and whether they follow from it."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from contract.errors import Refused, StoreDamaged
from contract.identity import BUTTON
from proof.judgement import opened
from proof.ledger import connect, read
from proof.recount import Counter, Recount
from proof.scores import Counts, minus
from proof.units import NONE
from proof.upheld import Upheld

MINUTE_MS = 60_000

BY_DAY = 'SELECT day, "window", satisfied, basic, dissatisfied FROM tally_day WHERE channel = ?'
BY_WINDOW = """
SELECT "window", sum(satisfied), sum(basic), sum(dissatisfied) FROM tally_day
WHERE channel = :channel AND day >= :first AND day <= :last GROUP BY "window"
"""
# Of these, what two auditors upheld as misuse.
UPHELD_BY_WINDOW = """
SELECT "window", sum(satisfied), sum(basic), sum(dissatisfied) FROM tally_upheld
WHERE channel = :channel AND minute >= :first AND minute < :behind GROUP BY "window"
"""
_JUDGEMENTS = "SELECT position, raw FROM ledger_entry WHERE kind = 'judgement' ORDER BY position"


def total(path: Path) -> int:
    """How many ratings the days' tallies in the file at `path` hold together."""
    with closing(connect(path)) as connection:
        return sum(sum(counts) for _, _, *counts in connection.execute(BY_DAY, (BUTTON,)))


def by_window(connection: sqlite3.Connection, first: date, last: date) -> dict[str, Counts]:
    """By window, what the city keeps of its days from `first` to `last`: (satisfied, basic, dissatisfied)."""
    asked = {"channel": BUTTON, "first": first.isoformat(), "last": last.isoformat()}
    return counts_of(connection.execute(BY_WINDOW, asked))


def upheld_by_window(connection: sqlite3.Connection, begin: int, behind: int) -> dict[str, Counts]:
    """By window, the ratings from `begin` to before `behind` (full minutes, ms) that are upheld as misuse."""
    asked = {"channel": BUTTON, "first": begin // MINUTE_MS, "behind": behind // MINUTE_MS}
    return counts_of(connection.execute(UPHELD_BY_WINDOW, asked))


def counts_of(rows: Iterable[Sequence[Any]]) -> dict[str, Counts]:
    """By window, the counts in `rows` of `BY_WINDOW` or `UPHELD_BY_WINDOW`, whichever database gave them."""
    return {str(window): (int(good), int(basic), int(bad)) for window, good, basic, bad in rows}


def without(windows: Mapping[str, Counts], upheld: Mapping[str, Counts]) -> dict[str, Counts]:
    """The counts of `windows` without what is `upheld` of them; a window with nothing left is there all the same."""
    return {window: minus(n, upheld.get(window, NONE)) for window, n in windows.items()}


def differences(path: Path, zone: ZoneInfo) -> list[str]:
    """One line for each tally in the file at `path` that does not follow from its ledger; empty when all do.

    Raises as `ledger.read`.
    """
    with closing(connect(path)) as connection:
        counter = Counter(_upheld(connection))
        for rating in read(path):
            counter.add(rating)
        recount = Recount(connection, zone)
        recount.add(counter)
        return [f"{where}: {said}" for where, said in recount.differences()]


def _upheld(connection: sqlite3.Connection) -> Upheld:
    try:
        return Upheld((position, opened(raw).judgement) for position, raw in connection.execute(_JUDGEMENTS))
    except (Refused, AttributeError) as bad:
        raise StoreDamaged(f"a judgement in the ledger cannot be read: {bad}") from bad
