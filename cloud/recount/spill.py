"""What a recount keeps meanwhile: a temporary SQLite file, so that memory does not grow with the ledger.

The file has no name and goes with the connection. SQLite sorts it in runs on the disk, which is what puts the counts of
all nodes, read one after the other, into the order of time.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from types import TracebackType
from typing import Any, NamedTuple, Self

from cloud.ledger.cells import Cells, counts_of, number_of
from contract.errors import Unavailable
from proof.scores import Counts

SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -65536;
CREATE TABLE held (position INTEGER, row INTEGER, PRIMARY KEY (position, row)) WITHOUT ROWID;
CREATE TABLE place (id INTEGER PRIMARY KEY, "window" TEXT NOT NULL);
CREATE TABLE part (minute INTEGER, place INTEGER, satisfied INTEGER, basic INTEGER, dissatisfied INTEGER);
CREATE TABLE cell (minute INTEGER, "window" TEXT, satisfied INTEGER, basic INTEGER, dissatisfied INTEGER,
    PRIMARY KEY (minute, "window")) WITHOUT ROWID;
CREATE TABLE damage (position INTEGER PRIMARY KEY, told TEXT);
CREATE TABLE difference (number INTEGER PRIMARY KEY, tally TEXT, span, place TEXT, channel TEXT, kept INTEGER,
    satisfied INTEGER, basic INTEGER, dissatisfied INTEGER, of_satisfied INTEGER, of_basic INTEGER,
    of_dissatisfied INTEGER);
"""

HOLD = "INSERT INTO held (position, row) VALUES (?, ?)"
HELD = "SELECT row FROM held WHERE position = ?"
PLACE = 'INSERT INTO place (id, "window") VALUES (?, ?)'
PART = "INSERT INTO part (minute, place, satisfied, basic, dissatisfied) VALUES (?, ?, ?, ?, ?)"
# In the order of its key, so that every row is put at the end of the tree.
SORT = """
INSERT INTO cell (minute, "window", satisfied, basic, dissatisfied)
SELECT minute, "window", sum(satisfied), sum(basic), sum(dissatisfied)
FROM part JOIN place ON place.id = part.place GROUP BY minute, "window" ORDER BY minute, "window"
"""
DAMAGE = "INSERT INTO damage (position, told) VALUES (?, ?)"
DAMAGES = "SELECT told FROM damage ORDER BY position"
NEXT = "SELECT min(minute) FROM cell WHERE minute >= ?"
BETWEEN = 'SELECT minute, "window", satisfied, basic, dissatisfied FROM cell WHERE minute >= ? AND minute < ?'
DIFFER = """
INSERT INTO difference (tally, span, place, channel, kept, satisfied, basic, dissatisfied,
    of_satisfied, of_basic, of_dissatisfied) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
DIFFERENCES = """
SELECT span, place, channel, kept, satisfied, basic, dissatisfied, of_satisfied, of_basic, of_dissatisfied
FROM difference WHERE tally = ? ORDER BY number
"""


class Difference(NamedTuple):
    """A cell whose tally is not what the ledger gives; a count is (satisfied, basic, dissatisfied).

    `span`: day, or minute number; `place`: window, township, or "" for the city. `tally` is None where there is none.
    """

    span: int | str
    place: str
    channel: str
    tally: Counts | None
    ledger: Counts

    @property
    def missing(self) -> Counts:
        """What has to be added to the tally, of each level; may be negative."""
        kept = self.tally or (0, 0, 0)
        return self.ledger[0] - kept[0], self.ledger[1] - kept[1], self.ledger[2] - kept[2]


class Spill:
    """The temporary file; not for two threads at a time."""

    def __init__(self) -> None:
        # No name: SQLite makes a file of its own in the system's temporary folder once its cache is full.
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.executescript(SCHEMA)
        self._places: dict[str, int] = {}
        self._any_held = False
        # So few that they need no file.
        self._estimated: Counter[tuple[int, str]] = Counter()

    def __enter__(self) -> Self:
        """For `with`."""
        return self

    def __exit__(self, kind: type[BaseException] | None, bad: BaseException | None, at: TracebackType | None) -> None:
        """Forget everything."""
        self._connection.close()

    def hold(self, rows: Iterable[Sequence[int]]) -> None:
        """Keep rows (position, index in the batch) that do not count."""
        self._any_held |= self._many(HOLD, rows) > 0

    def held(self, position: int) -> list[int]:
        """The rows of the entry at `position` that do not count."""
        if not self._any_held:
            return []
        return [row for (row,) in self._connection.execute(HELD, (position,))]

    def add(self, cells: Cells) -> None:
        """Add the counts of `cells`."""
        new = {window: len(self._places) + number for number, window in enumerate(self._unknown(cells))}
        self._places.update(new)
        self._many(PLACE, ((id_, window) for window, id_ in new.items()))
        self._many(PART, ((minute, self._places[window], *counts_of(n)) for (window, minute), n in cells.items()))

    def guess(self, window: str, minute: int) -> None:
        """Count one rating of `window` that stands in `minute` by an estimate of its time."""
        self._estimated[minute, window] += 1

    def guesses(self, begin: int, end: int) -> list[tuple[int, str, int]]:
        """How many stand so in the minutes from `begin` until before `end`: (minute, window, count)."""
        return [(minute, window, n) for (minute, window), n in self._estimated.items() if begin <= minute < end]

    def damage(self, position: int, told: str) -> None:
        """Keep what is wrong with the entry at `position`, which is left out of the counts."""
        self._many(DAMAGE, [(position, told)])

    def damages(self) -> Iterator[str]:
        """What is wrong with entries, in the order of their positions."""
        with closing(self._connection.execute(DAMAGES)) as found:
            yield from (told for (told,) in found)

    def _unknown(self, cells: Iterable[tuple[str, int]]) -> list[str]:
        return list(dict.fromkeys(window for window, _ in cells if window not in self._places))

    def sort(self) -> None:
        """Put what was added into the order of time; nothing is added after that."""
        self._connection.execute(SORT)

    def next_minute(self, minute: int) -> int | None:
        """The first minute from `minute` on that has counts."""
        found: int | None = self._connection.execute(NEXT, (minute,)).fetchone()[0]
        return found

    def cells(self, begin: int, end: int) -> Cells:
        """The counts of the minutes from `begin` until before `end`."""
        found = self._connection.execute(BETWEEN, (begin, end))
        return {(window, minute): number_of((s, b, d)) for minute, window, s, b, d in found}

    def differ(self, tally: str, differences: Iterable[Difference]) -> None:
        """Keep differences of the table `tally`."""
        self._many(DIFFER, ((tally, *_flat(difference)) for difference in differences))

    def differences(self, tally: str) -> Iterator[Difference]:
        """What was kept of the table `tally`, in that order."""
        with closing(self._connection.execute(DIFFERENCES, (tally,))) as found:
            for span, place, channel, kept, *counts in found:
                before = (counts[0], counts[1], counts[2]) if kept else None
                yield Difference(span, place, channel, before, (counts[3], counts[4], counts[5]))

    def _many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        self._connection.execute("BEGIN")
        changed = self._connection.executemany(sql, rows).rowcount
        self._connection.execute("COMMIT")
        return changed


@contextmanager
def spilling() -> Iterator[Spill]:
    """A spill for the block; raises `Unavailable` where its file finds no room."""
    try:
        with Spill() as spill:
            yield spill
    except sqlite3.Error as bad:
        raise Unavailable(
            f"the temporary file of a recount: {bad}; SQLITE_TMPDIR names a folder with room for 100 bytes a rating"
        ) from bad


def _flat(difference: Difference) -> tuple[object, ...]:
    span, place, channel, tally, ledger = difference
    return span, place, channel, tally is not None, *(tally or (0, 0, 0)), *ledger
