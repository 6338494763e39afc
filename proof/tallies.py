"""The tallies that a city keeps beside its ledger: reading them, and whether they follow from it."""

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from proof.ledger import connect, read
from proof.recount import Counter, Recount

BUTTON = "button"

BY_DAY = 'SELECT day, "window", satisfied, basic, dissatisfied FROM tally_day WHERE channel = ?'
BY_WINDOW = """
SELECT "window", sum(satisfied), sum(basic), sum(dissatisfied) FROM tally_day
WHERE channel = :channel AND day >= :first AND day <= :last GROUP BY "window"
"""


def total(path: Path) -> int:
    """How many ratings the days' tallies in the file at `path` hold together."""
    with closing(connect(path)) as connection:
        return sum(sum(counts) for _, _, *counts in connection.execute(BY_DAY, (BUTTON,)))


def by_window(connection: sqlite3.Connection, first: date, last: date) -> dict[str, tuple[int, int, int]]:
    """By window, what the city keeps of its days from `first` to `last`: (satisfied, basic, dissatisfied)."""
    asked = {"channel": BUTTON, "first": first.isoformat(), "last": last.isoformat()}
    rows = connection.execute(BY_WINDOW, asked)
    return {str(window): (satisfied, basic, dissatisfied) for window, satisfied, basic, dissatisfied in rows}


def differences(path: Path, zone: ZoneInfo) -> list[str]:
    """One line for each tally in the file at `path` that does not follow from its ledger; empty when all do.

    Raises as `ledger.read`.
    """
    counter = Counter()
    for rating in read(path):
        counter.add(rating)
    with closing(connect(path)) as connection:
        recount = Recount(connection, zone)
        recount.add(counter.cells)
        return [f"{where}: {said}" for where, said in recount.differences()]
