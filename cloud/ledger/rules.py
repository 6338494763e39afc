"""What a verified batch does to the ledger and to the counts. Pure: a fold over batches in the order they came.

The first entry that gives a number wins. A known number is skipped, an unknown one counts, a known one with another
window or level is a conflict. Nothing here looks at a level except to count it and to compare it with itself.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from cloud.ledger.cells import ONE
from cloud.ledger.commit import NEWEST, Counted
from contract.batch import Batch, StreamKey
from contract.errors import Reason
from contract.identity import PROMPT, channel_of
from contract.ranges import Ranges
from contract.rating import Quality

Lane = Literal["live", "backlog"]
MINUTE_MS = 60_000
LATE_MS = 60_000
_FEED_SLACK = 64

HasWindow = Callable[[str, int], bool]
Pair = tuple[int, int]


class Numbers(NamedTuple):
    """The numbers that a batch gives."""

    stream: StreamKey
    first: int
    last: int


class Verified(NamedTuple):
    """A batch whose node is known and whose signature holds. `mark` names its exact bytes."""

    batch: Batch
    numbers: Numbers
    raw: bytes
    mark: bytes
    township: str
    lane: Lane


class Held(NamedTuple):
    """A row of the group's entry number `entry` that enters uncounted; `window` is its city-wide name."""

    entry: int
    row: int
    reason: Reason
    window: str


class Conflict(NamedTuple):
    """A batch that gives known numbers another window or level; `entered`: it brought new numbers as well."""

    verified: Verified
    detail: str
    entered: bool


class Fold:
    """The effect of a group of batches on top of what the ledger holds.

    `known` are the numbers in the ledger of every stream in the group, `stored` the ledger's batches, in its order,
    that overlap one of the group's. Only numbers that no entry gave before are counted.
    """

    def __init__(
        self,
        known: Mapping[StreamKey, Ranges],
        stored: Mapping[StreamKey, Sequence[Batch]],
        has_window: HasWindow,
        *,
        now: int,
        future_ms: int,
    ) -> None:
        """Begin a group at city time `now` (ms); a row later than `now + future_ms` does not count yet."""
        self._stored = stored
        self._has_window = has_window
        self._limit = now + future_ms
        self._now = now
        self._marks: dict[bytes, bool] = {}
        self._fresh: dict[StreamKey, list[Batch]] = {}
        self._feed: list[Counted] = []
        self._feed_floor = -1
        self.known = dict(known)
        self.entries: list[Verified] = []
        # Batches of which every row was known and agreed.
        self.repeats: list[Verified] = []
        self.cells: dict[tuple[str, int], int] = {}
        # How many of a cell's stand there by an estimate of their time.
        self.estimated: dict[tuple[str, int], int] = {}
        self.held: list[Held] = []
        self.conflicts: list[Conflict] = []
        # When the live lane's counted ratings were pressed, ms.
        self.live: list[int] = []

    def take(self, verified: Verified) -> bool:
        """Take in one batch; False when none of its numbers may be called settled by it."""
        before = self._marks.get(verified.mark)
        if before is None:
            before = self._marks[verified.mark] = self._judge(verified)
        return before

    def _judge(self, verified: Verified) -> bool:
        stream, first, last = verified.numbers
        known = self.known[stream]
        if known.touches(first, last):
            return self._overlap(verified, known)
        self._enter(verified, known)
        self._count(verified, range(len(verified.batch.rows)))
        return True

    def _enter(self, verified: Verified, known: Ranges) -> None:
        stream, first, last = verified.numbers
        self.known[stream] = known.add(first, last)
        self._fresh.setdefault(stream, []).append(verified.batch)
        self.entries.append(verified)

    def _overlap(self, verified: Verified, known: Ranges) -> bool:
        batch = verified.batch
        stream, first, last = verified.numbers
        entered = (*self._stored.get(stream, ()), *self._fresh.get(stream, ()))
        if batch in entered:
            self.repeats.append(verified)
            return True
        given = given_before(entered, first, last)
        differing = [
            index
            for index, row in enumerate(batch.rows)
            if first + index in known and given.get(first + index) != (row.window, row.level)
        ]
        new = [index for index in range(len(batch.rows)) if first + index not in known]
        if differing:
            numbers = ", ".join(str(first + index) for index in differing[:10])
            detail = f"{len(differing)} known numbers with another window or level: {numbers}"
            self.conflicts.append(Conflict(verified, detail, entered=bool(new)))
        if not new:
            if not differing:
                self.repeats.append(verified)
            return not differing
        self._enter(verified, known)
        entry = len(self.entries) - 1
        self.held.extend(
            Held(entry, index, Reason.CONFLICT, f"{batch.node}/{batch.rows[index].window}") for index in differing
        )
        self._count(verified, new)
        return True

    def _count(self, verified: Verified, indexes: Iterable[int]) -> None:
        """Count the rows at `indexes` in their minutes; the innermost loop of the city."""
        batch = verified.batch
        if channel_of(batch.node) == PROMPT:
            # What became of visits is in the ledger, and no rating.
            return
        rows, t0, prefix = batch.rows, batch.t0, batch.node + "/"
        cells, has_window, limit = self.cells, self._has_window, self._limit
        live = self.live if verified.lane == "live" else None
        estimated, channel = batch.q is Quality.ESTIMATED, channel_of(batch.node)
        for index in indexes:
            row = rows[index]
            at = t0 + row.ms
            window = prefix + row.window
            if at > limit or not has_window(window, at):
                reason = Reason.FUTURE if at > limit else Reason.UNKNOWN_WINDOW
                self.held.append(Held(len(self.entries) - 1, index, reason, window))
                continue
            key = (window, at // MINUTE_MS)
            cells[key] = cells.get(key, 0) + ONE[row.level]
            if estimated:
                self.estimated[key] = self.estimated.get(key, 0) + 1
            if live is not None:
                live.append(at)
            if at > self._feed_floor:
                self._note(Counted(at, window, row.level, channel, self._now - at > LATE_MS, estimated))

    def _note(self, counted: Counted) -> None:
        self._feed.append(counted)
        if len(self._feed) > _FEED_SLACK:
            self._feed = self.newest()
            self._feed_floor = self._feed[-1].at

    def newest(self) -> list[Counted]:
        """The newest counted ratings, newest first."""
        return sorted(self._feed, key=lambda counted: counted.at, reverse=True)[:NEWEST]


def given_before(batches: Iterable[Batch], first: int, last: int) -> dict[int, tuple[str, int]]:
    """Window and level of each number in `first..last`, as the first of `batches` that gives it says."""
    given: dict[int, tuple[str, int]] = {}
    for batch in batches:
        for number in range(max(first, batch.first), min(last, batch.last) + 1):
            row = batch.rows[number - batch.first]
            given.setdefault(number, (row.window, row.level))
    return given
