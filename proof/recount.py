"""Counting every tally again, in temporary tables beside the ledger: SQLite keeps on disk what is too much."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from contract.batch import StreamKey
from contract.identity import channel_of, counter_of
from proof.ledger import Rating
from proof.upheld import Upheld

MINUTE_MS = 60_000

# By minute (counted from 1970 UTC), window and channel: satisfied, basically satisfied, dissatisfied, and how many of
# these stand there by an estimate of their time.
_CELL = """
CREATE TEMP TABLE cell (minute INTEGER, window TEXT, channel TEXT, satisfied, basic, dissatisfied, estimated)
"""
_RECOUNT = """
CREATE TEMP TABLE recount AS SELECT minute, window, channel, sum(satisfied) AS satisfied, sum(basic) AS basic,
    sum(dissatisfied) AS dissatisfied, sum(estimated) AS estimated FROM cell
    GROUP BY minute, window, channel
"""
_UPHELD = """
CREATE TEMP TABLE upheld (minute INTEGER, window TEXT, channel TEXT, satisfied, basic, dissatisfied)
"""
_MOMENT = """
CREATE TEMP TABLE moment AS SELECT minute, day_of(minute) AS day, hour_of(minute) AS hour
FROM (SELECT DISTINCT minute FROM recount)
"""


# Both sides of a row stand together, or one alone where the other has none.
_DIFFERING = """
SELECT {key}, 'kept' AS side, a, b, c FROM (SELECT * FROM kept EXCEPT SELECT * FROM due) UNION ALL
SELECT {key}, 'due' AS side, a, b, c FROM (SELECT * FROM due EXCEPT SELECT * FROM kept) ORDER BY {key}
"""


class _Tally(NamedTuple):
    """A table of the city's: what names a row, what it keeps, and what it should keep; the counts as a, b and c."""

    name: str
    key: str
    kept: str
    due: str


_TALLIES = (
    _Tally(
        "tally_minute",
        "minute, window, channel",
        "SELECT minute, window, channel, satisfied AS a, basic AS b, dissatisfied AS c FROM main.tally_minute",
        "SELECT minute, window, channel, satisfied AS a, basic AS b, dissatisfied AS c FROM recount",
    ),
    _Tally(
        "tally_day",
        "day, window, channel",
        "SELECT day, window, channel, satisfied AS a, basic AS b, dissatisfied AS c FROM main.tally_day",
        "SELECT day, window, channel, sum(satisfied) AS a, sum(basic) AS b, sum(dissatisfied) AS c "
        "FROM recount JOIN moment USING (minute) GROUP BY day, window, channel",
    ),
    _Tally(
        "tally_township",
        "hour, township, channel",
        "SELECT hour, township, channel, satisfied AS a, basic AS b, dissatisfied AS c FROM main.tally_township",
        "SELECT hour, substr(window, 1, 9) AS township, channel, sum(satisfied) AS a, sum(basic) AS b, "
        "sum(dissatisfied) AS c FROM recount JOIN moment USING (minute) GROUP BY hour, township, channel",
    ),
    _Tally(
        "tally_city",
        "minute, channel",
        "SELECT minute, channel, satisfied AS a, basic AS b, dissatisfied AS c FROM main.tally_city",
        "SELECT minute, channel, sum(satisfied) AS a, sum(basic) AS b, sum(dissatisfied) AS c "
        "FROM recount GROUP BY minute, channel",
    ),
    _Tally(
        "tally_estimated",
        "minute, window, channel",
        "SELECT minute, window, channel, ratings AS a, 0 AS b, 0 AS c FROM main.tally_estimated",
        "SELECT minute, window, channel, estimated AS a, 0 AS b, 0 AS c FROM recount WHERE estimated > 0",
    ),
    _Tally(
        "tally_upheld",
        "minute, window, channel",
        "SELECT minute, window, channel, satisfied AS a, basic AS b, dissatisfied AS c FROM main.tally_upheld",
        "SELECT minute, window, channel, sum(satisfied) AS a, sum(basic) AS b, sum(dissatisfied) AS c "
        "FROM upheld GROUP BY minute, window, channel",
    ),
)


class Counter:
    """`cells`: what the ratings come to that were added; `upheld`: those among them that are upheld as misuse."""

    def __init__(self, upheld: Upheld) -> None:
        """Begin with nothing; `upheld` says what is."""
        self.cells: dict[tuple[int, str, str], list[int]] = {}
        self.upheld: dict[tuple[int, str, str], list[int]] = {}
        self._upheld = upheld

    def add(self, rating: Rating) -> None:
        """Count it, if it counts."""
        if rating.counted:
            key = (rating.at // MINUTE_MS, counter_of(rating.window), channel_of(rating.node))
            cell = self.cells.setdefault(key, [0, 0, 0, 0])
            cell[3 - rating.level] += 1
            cell[3] += rating.bounds is not None
            if self._upheld.has(StreamKey(rating.node, rating.epoch), rating.seq):
                self.upheld.setdefault(key, [0, 0, 0])[3 - rating.level] += 1


class Recount:
    """`add` what the ledger counts, then ask for the `differences` from what the city keeps."""

    def __init__(self, ledger: sqlite3.Connection, zone: ZoneInfo) -> None:
        """Count beside `ledger`, by the days and hours of `zone`."""
        self._ledger = ledger
        self._zone = zone
        ledger.create_function("day_of", 1, self._day, deterministic=True)
        ledger.create_function("hour_of", 1, self._hour, deterministic=True)
        ledger.execute(_CELL)
        ledger.execute(_UPHELD)

    def add(self, counter: Counter) -> None:
        """Take in counts; a cell may come in parts."""
        rows = ((*key, *counts) for key, counts in counter.cells.items())
        self._ledger.executemany("INSERT INTO cell VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        rows = ((*key, *counts) for key, counts in counter.upheld.items())
        self._ledger.executemany("INSERT INTO upheld VALUES (?, ?, ?, ?, ?, ?)", rows)

    def differences(self) -> Iterator[tuple[str, str]]:
        """The name of each tally that is not what was counted, and both counts."""
        self._ledger.execute(_RECOUNT)
        self._ledger.execute(_MOMENT)
        for tally in _TALLIES:
            self._ledger.execute(f"CREATE TEMP VIEW due AS {tally.due}")
            self._ledger.execute(f"CREATE TEMP VIEW kept AS {tally.kept}")
            differing = self._ledger.execute(_DIFFERING.format(key=tally.key)).fetchall()
            for names, sides in groupby(differing, lambda row: row[:-4]):
                counts = {side: f"{a}, {b}, {c}" for *_, side, a, b, c in sides}
                kept, due = counts.get("kept", "none"), counts.get("due", "none")
                yield f"{tally.name} {' '.join(map(str, names))}", f"kept are {kept}, and the ledger gives {due}"
            self._ledger.execute("DROP VIEW due")
            self._ledger.execute("DROP VIEW kept")

    def _local(self, minute: int) -> datetime:
        return datetime.fromtimestamp(minute * 60, UTC).astimezone(self._zone)

    def _day(self, minute: int) -> str:
        return self._local(minute).date().isoformat()

    def _hour(self, minute: int) -> int:
        return minute - self._local(minute).minute
