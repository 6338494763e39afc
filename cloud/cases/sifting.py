"""What of a stretch of the ledger matters to cases: dissatisfied ratings, and how many came after each. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from cloud.ledger.counting import Rows
from contract.identity import counter_of, window_id
from contract.rating import Level


class Dissatisfied(NamedTuple):
    """A counted rating by its number, pressed at the city-wide `window` at `at` (ms), in the entry at `position`.

    `later`: how many counted ratings of the same stretch come after it at its window.
    """

    node: str
    epoch: str
    seq: int
    window: str
    at: int
    position: int
    later: int

    @property
    def key(self) -> tuple[str, str, int]:
        """Its number."""
        return self.node, self.epoch, self.seq


class Sifted(NamedTuple):
    """`dissatisfied` in the order of the ledger; `counts`: every counted rating, by city-wide window."""

    dissatisfied: Sequence[Dissatisfied]
    counts: Mapping[str, int]


def sifted(rows: Iterable[Rows]) -> Sifted:
    """Sift `rows`, which stand in the order of the ledger."""
    counts: Counter[str] = Counter()
    found: list[Dissatisfied] = []
    for entry, indexes in rows:
        if not indexes:
            continue
        batch = entry.batch
        for index in indexes:
            row = batch.rows[index]
            window = window_id(counter_of(batch.node), row.window)
            counts[window] += 1
            if row.level == Level.DISSATISFIED:
                moment = batch.t0 + row.ms
                # For now how many came up to it.
                found.append(
                    Dissatisfied(
                        batch.node, batch.epoch, batch.first + index, window, moment, entry.position, counts[window]
                    )
                )
    return Sifted([one._replace(later=counts[one.window] - one.later) for one in found], counts)
