"""Whether published reports follow from the ledger, as far as it had come by the position that each names."""

import sqlite3
from collections.abc import Callable
from zoneinfo import ZoneInfo

from contract.batch import Batch, StreamKey
from contract.errors import Refused, SettingsError
from contract.identity import BUTTON, channel_of
from contract.signing import public_key
from proof.edition import Edition, Published, faults, misfit, objection, opened, unsound
from proof.findings import Finding, Rule
from proof.ledger import Rating
from proof.revisited import Revisited
from proof.scores import Counts
from proof.span import bounds_of
from proof.upheld import Upheld
from proof.zone import zone_of

# So long before an edition was made, what stands before it was there to be counted: clocks differ, and the last entries
# were still on their way when it was.
_SLACK_MS = 3_600_000
_OVERLOOKED = "SELECT min(position) FROM ledger_entry WHERE position > ? AND position < ? AND received_at < ?"
# The same of visits, once there are any: what is said of the silent is no older.
_UNVISITED = """
SELECT min(position) FROM ledger_entry WHERE position > :visited AND position <= :position AND received_at < :due
AND EXISTS (SELECT 1 FROM ledger_entry WHERE kind = 'visits' AND position <= :position)
"""
_REPORTS = "SELECT position, epoch, first, raw FROM ledger_entry WHERE kind = 'report' ORDER BY position"


class _Recounted:
    """One edition, and what the ledger gives its windows."""

    def __init__(self, position: int, edition: Edition, zone: ZoneInfo, upheld: Upheld) -> None:
        self.position = position
        self.edition = edition
        self._windows: dict[str, list[int]] = {}
        self._taken: dict[str, list[int]] = {}
        self._upheld = upheld
        self.bounds = bounds_of(edition.span, zone)

    def add(self, rating: Rating, since: int) -> None:
        """Count `rating`, which counts since ledger position `since`, if it belongs here."""
        # A report is of the buttons: channels are never pooled.
        if channel_of(rating.node) != BUTTON:
            return
        if since <= self.edition.position and self.bounds.begin <= rating.at < self.bounds.behind:
            counts = self._windows.setdefault(rating.window, [0, 0, 0])
            if self._upheld.has(StreamKey(rating.node, rating.epoch), rating.seq, self.edition.position):
                counts = self._taken.setdefault(rating.window, [0, 0, 0])
            counts[3 - rating.level] += 1

    @property
    def windows(self) -> dict[str, Counts]:
        """By window: satisfied, basic, dissatisfied, without what was upheld as misuse by then."""
        return {window: (good, basic, bad) for window, (good, basic, bad) in self._windows.items()}

    @property
    def taken(self) -> dict[str, Counts]:
        """What was."""
        return {window: (good, basic, bad) for window, (good, basic, bad) in self._taken.items()}


class Reports:
    """The editions in a ledger: `add` every rating that counts, then `check`."""

    def __init__(
        self, ledger: sqlite3.Connection, key: bytes | None, upheld: Upheld, *, find: Callable[[Finding], None]
    ) -> None:
        """Read them; they must all be signed by `key` (32 raw bytes), without one by the key of the first.

        `upheld` says what each of them counts without.
        """
        self._ledger = ledger
        self._find = find
        self._key = key
        self._editions: list[_Recounted] = []
        self._revisited = Revisited(ledger)
        newest: dict[str, tuple[int, Published]] = {}
        for position, name, number, raw in ledger.execute(_REPORTS):
            one = self._read(f"position {position}", name, number, raw)
            if one is None:
                continue
            since, before = newest.get(one.edition.period, (0, None))
            said = (
                *(misfit(before, one.edition), self._misplaced(position, one.edition, since)),
                *(self._unvisited(one.edition), *unsound(one.edition)),
            )
            for wrong in filter(None, said):
                self._tell(f"position {position}, {_name(one.edition)}", wrong)
            newest[one.edition.period] = position, one
            self._editions.append(_Recounted(position, one.edition, zone_of(one.edition.zone), upheld))

    def __len__(self) -> int:
        """How many there are."""
        return len(self._editions)

    def _read(self, where: str, name: str, number: int, raw: object) -> Published | None:
        try:
            one = opened(raw if isinstance(raw, bytes) else b"")
            zone_of(one.edition.zone)
        except (Refused, SettingsError) as bad:
            self._find(Finding(Rule.UNREADABLE, where, f"this is no report: {bad}"))
            return None
        if self._key is None:
            self._key = public_key(one.edition.by)
        if (said := objection(one, self._key)) is not None:
            self._find(Finding(Rule.SIGNATURE, f"{where}, {_name(one.edition)}", said))
            return None
        if (one.edition.period, one.edition.number) != (name, number):
            said = f"it stands as edition {number} of {name}, and says {one.edition.number} of {one.edition.period}"
            self._find(Finding(Rule.ALTERED, where, said))
        return one

    def _misplaced(self, position: int, edition: Edition, since: int) -> str | None:
        """Why `edition`, at `position`, is not of the ledger as it was then, where the one before it is at `since`."""
        upto = f"it is of the ledger up to position {edition.position}, and"
        if not since <= edition.position < position:
            return f"{upto} that is not between the edition before it and itself"
        asked = (edition.position, position, edition.at - _SLACK_MS)
        (overlooked,) = self._ledger.execute(_OVERLOOKED, asked).fetchone()
        return None if overlooked is None else f"{upto} position {overlooked} stood there an hour before it was made"

    def _unvisited(self, edition: Edition) -> str | None:
        """Why what `edition` says of visits is not of the ledger as it was then."""
        if edition.visited > edition.position:
            return f"its visits are of the ledger up to position {edition.visited}, which it does not go to"
        asked = {"visited": edition.visited, "position": edition.position, "due": edition.at - _SLACK_MS}
        (passed,) = self._ledger.execute(_UNVISITED, asked).fetchone()
        if passed is None:
            return None
        upto = f"its visits are of the ledger up to position {edition.visited}"
        return f"{upto}, and position {passed} stood there an hour before it was made"

    def add(self, rating: Rating, since: int) -> None:
        """Take in `rating`, which counts since ledger position `since`."""
        for one in self._editions:
            one.add(rating, since)
        if self._editions:
            self._revisited.rating(rating, since)

    def visits(self, position: int, batch: Batch) -> None:
        """Take in what the entry at `position` says became of visits."""
        if self._editions:
            self._revisited.visits(position, batch)

    def check(self) -> None:
        """Compare every line of every edition with what was added."""
        for one in self._editions:
            asked = self._revisited.between(one.edition.visited, one.bounds.begin, one.bounds.behind)
            for code, said in faults(one.edition, one.windows, one.taken, asked):
                self._tell(f"position {one.position}, {_name(one.edition)}, {code}", said)

    def _tell(self, where: str, detail: str) -> None:
        self._find(Finding(Rule.REPORT, where, detail))


def _name(edition: Edition) -> str:
    return f"edition {edition.number} of {edition.period}"
