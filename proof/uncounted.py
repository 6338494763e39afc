"""Whether the rows that do not count are kept for a reason that still holds, or by somebody's ruling."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from contract.batch import Batch
from contract.errors import Reason
from contract.identity import counter_of, window_id
from proof.findings import Finding, Rule

_RULINGS = """
SELECT position, kind, raw FROM ledger_entry
WHERE kind NOT IN ('batch', 'visits', 'seal', 'witness', 'report', 'judgement', 'certificate', 'revocation')
ORDER BY position
"""
_UNCOUNTED = "SELECT position, row, reason, admitted, refused FROM uncounted ORDER BY position, row"

# The position of an entry, and the row in its batch.
Place = tuple[int, int]


class Held(NamedTuple):
    """Why a row does not count, and the positions of the entries that admitted or refused it, if any."""

    reason: str
    admitted: int | None
    refused: int | None


class Uncounted:
    """The rows of a ledger that do not count; `find` is told of each that should, and of rulings that are not kept."""

    def __init__(
        self,
        ledger: sqlite3.Connection,
        windows: Mapping[str, Sequence[tuple[int, int | None]]],
        *,
        find: Callable[[Finding], None],
    ) -> None:
        """Read them; `windows`: from when until before when (ms) each was registered; None: until further notice."""
        self._ledger = ledger
        self._windows = windows
        self._find = find
        self._held: dict[int, dict[int, Held]] = {}
        for position, row, *held in ledger.execute(_UNCOUNTED):
            self._held.setdefault(position, {})[row] = Held(*held)

    def of(self, position: int) -> Mapping[int, Held]:
        """Those of the entry at `position`, by row."""
        return self._held.get(position, {})

    def check_rulings(self) -> None:
        """Whoever let a row count, or never count, is an entry of its own, and each such row says which."""
        ruled: dict[tuple[str, Place], int] = {}
        for position, kind, raw in self._ledger.execute(_RULINGS):
            try:
                places = msgspec.convert(msgspec.json.decode(raw)[kind], list[Place])
            except (msgspec.MsgspecError, KeyError, TypeError, UnicodeDecodeError, RecursionError) as bad:
                self._find(
                    Finding(Rule.UNREADABLE, f"position {position}", f"this is no entry of kind {kind!r}: {bad}")
                )
                continue
            ruled |= {(kind, place): position for place in places}
        for position, rows in self._held.items():
            for row, held in rows.items():
                for kind, says in (("admit", held.admitted), ("refuse", held.refused)):
                    by = ruled.pop((kind, (position, row)), None)
                    if says != by:
                        where = f"position {position}, row {row}"
                        said = f"it is kept that entry {says} ruled {kind}, and by the ledger it was {by}"
                        self._find(Finding(Rule.UNCOUNTED, where, said))
        for (kind, (position, row)), by in ruled.items():
            said = f"entry {by} ruled {kind}, and the row is not kept as uncounted"
            self._find(Finding(Rule.UNCOUNTED, f"position {position}, row {row}", said))

    def check(self, position: int, received_at: int, batch: Batch, seen: Mapping[int, tuple[str, int]]) -> None:
        """Check those of `batch`, which came at `received_at` (ms) or later.

        `seen`: the window and the level of the first row that gives each number of its stream.
        """
        for row, held in self.of(position).items():
            if held.admitted is None and (why := self._unduly(batch, row, held, received_at, seen)):
                where = f"position {position}, row {row}"
                self._find(Finding(Rule.UNCOUNTED, where, f"it does not count for {held.reason!r}, and {why}"))

    def _unduly(
        self, batch: Batch, row: int, held: Held, received_at: int, seen: Mapping[int, tuple[str, int]]
    ) -> str | None:
        """Why a row that does not count should, if it should."""
        if row >= len(batch.rows):
            return f"the batch has {len(batch.rows)} rows"
        rating = batch.rows[row]
        window, at = window_id(batch.node, rating.window), batch.t0 + rating.ms
        match held.reason:
            case Reason.CONFLICT if seen.get(batch.first + row) == (window, rating.level):
                return "nothing else has its number"
            case Reason.UNKNOWN_WINDOW if any(
                begin <= at and (end is None or at < end) for begin, end in self._windows.get(counter_of(window), ())
            ):
                return f"{window} was registered then"
            case Reason.FUTURE if at <= received_at:
                return "it was pressed before it arrived"
            case Reason.CONFLICT | Reason.UNKNOWN_WINDOW | Reason.FUTURE:
                return None
        return "that is no reason"
