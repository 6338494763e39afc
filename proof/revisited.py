"""Counting visits again, in temporary tables beside the ledger: SQLite keeps on disk what is too much."""

import sqlite3

from contract.batch import Batch
from contract.identity import counter_of, window_id
from contract.rating import Level
from proof.ledger import Rating
from proof.turnout import Turnout

_TOLD = "CREATE TEMP TABLE told (node TEXT, token TEXT, window TEXT, at INTEGER, position INTEGER, number INTEGER)"
_RATED = """
CREATE TEMP TABLE rated (node TEXT, token TEXT, level INTEGER, position INTEGER, number INTEGER, since INTEGER)
"""
# Told twice it is one visit, as it was told first; of several ratings with its token the first is the visit's.
_BETWEEN = f"""
WITH visit AS (
    SELECT node, token, window, at FROM (
        SELECT *, row_number() OVER (PARTITION BY node, token ORDER BY position, number) AS nth
        FROM told WHERE position <= :upto
    ) WHERE nth = 1 AND at >= :begin AND at < :behind
), rating AS (
    SELECT node, token, level FROM (
        SELECT *, row_number() OVER (PARTITION BY node, token ORDER BY position, number) AS nth
        FROM rated WHERE since <= :upto
    ) WHERE nth = 1
)
SELECT window, count(*), {", ".join(f"count(CASE WHEN level = {level:d} THEN 1 END)" for level in Level)}
FROM visit LEFT JOIN rating USING (node, token) GROUP BY window
"""  # noqa: S608  (our own numbers)


class Revisited:
    """Take in what a ledger says of visits and the ratings with a token, then ask `between`."""

    def __init__(self, ledger: sqlite3.Connection) -> None:
        """Count beside `ledger`."""
        self._ledger = ledger
        ledger.execute(_TOLD)
        ledger.execute(_RATED)

    def visits(self, position: int, batch: Batch) -> None:
        """Take in what `batch`, the entry at `position`, says became of visits."""
        node = counter_of(batch.node)
        rows = (
            (node, row.token, window_id(node, row.window), batch.t0 + row.ms, position, number)
            for number, row in enumerate(batch.rows, batch.first)
        )
        self._ledger.executemany("INSERT INTO told VALUES (?, ?, ?, ?, ?, ?)", rows)

    def rating(self, rating: Rating, since: int) -> None:
        """Take in `rating`, which counts since position `since`."""
        if rating.token is not None:
            row = (counter_of(rating.node), rating.token, rating.level, rating.position, rating.seq, since)
            self._ledger.execute("INSERT INTO rated VALUES (?, ?, ?, ?, ?, ?)", row)

    def between(self, upto: int, begin: int, behind: int) -> dict[str, Turnout]:
        """By window, of the visits from `begin` to before `behind` (ms), by the ledger up to position `upto`."""
        asked = {"upto": upto, "begin": begin, "behind": behind}
        return {
            str(window): (all_, satisfied, basic, dissatisfied)
            for window, all_, satisfied, basic, dissatisfied in self._ledger.execute(_BETWEEN, asked)
        }
