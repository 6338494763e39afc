"""Today's ratings of a hall's windows, as everybody in it may see them. Pure.

Whoever sits at a window stands before the screen too. What the screen shows of a window must not tell how one citizen
rated, not by two looks at it either. So ratings of a window are put together in the order in which they came, as many
as the veil's others and one more to a block, and a block is seen as a whole: when it is full, and when the veil's
minutes have passed over the newest rating in it, at a full multiple of these. Each difference between two pictures of a
window is then that of whole blocks. Blocks go by the order of the journal, so a gateway that starts again makes the
same ones.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from contract.batch import Batch, StreamKey
from contract.identity import window_id
from contract.ranges import Ranges
from contract.rating import Level
from contract.veil import MINUTE_MS, Veil, full
from proof.scores import Counts, plus

_PLACE: Mapping[int, int] = {Level.SATISFIED: 0, Level.BASIC: 1, Level.DISSATISFIED: 2}


class Day(NamedTuple):
    """A day by its ISO text, from `begin` until before `end` (the city's time, ms)."""

    name: str
    begin: int
    end: int


class _Block(NamedTuple):
    """Ratings that are seen together, from `seen_from` (ms) on."""

    counts: Counts
    seen_from: int


class _Open:
    """The block of a window that is not full yet."""

    def __init__(self) -> None:
        self.counts = [0, 0, 0]
        self.newest = 0


class Results:
    """What was rated on `day`."""

    def __init__(self, day: Day, veil: Veil) -> None:
        self.day = day
        self.veil = veil
        self._known: defaultdict[StreamKey, Ranges] = defaultdict(Ranges)
        self._open: defaultdict[str, _Open] = defaultdict(_Open)
        self._full: defaultdict[str, list[_Block]] = defaultdict(list)

    def take(self, batch: Batch, now: int = 0) -> None:
        """Take a batch in the order of the journal, which came by `now` (ms; 0: before this process began).

        Numbers that are there already change nothing, whatever they say this time.
        """
        known = self._known[batch.stream]
        for number, row in enumerate(batch.rows, batch.first):
            at = batch.t0 + row.ms
            if number not in known and self.day.begin <= at < self.day.end:
                self._rated(window_id(batch.node, row.window), row.level, at, now)
        self._known[batch.stream] = known.add(batch.first, batch.last)

    def _rated(self, window: str, level: int, at: int, now: int) -> None:
        block = self._open[window]
        block.counts[_PLACE[level]] += 1
        block.newest = max(block.newest, at)
        if sum(block.counts) > self.veil.others:
            good, fair, bad = block.counts
            # What came late does not show the moment at which it came.
            seen = max(full(block.newest + self.veil.minutes * MINUTE_MS, self.veil), full(now, self.veil))
            self._full[window].append(_Block((good, fair, bad), seen))
            del self._open[window]

    def seen(self, now: int) -> Mapping[str, Counts]:
        """The counts of each window that has any, as they may be seen at `now` (ms)."""
        counts: dict[str, Counts] = {}
        for window, blocks in self._full.items():
            for block in blocks:
                if block.seen_from <= now:
                    counts[window] = plus(counts.get(window, (0, 0, 0)), block.counts)
        return counts
