"""From ledger entries to the ratings that count, whichever way the ledger is walked. Pure.

The rule is the ledger's own (`cloud.ledger.rules`): of a number that several entries give, the entry at the lowest
position gives it; rows that are held do not count until an entry of kind `admit` names them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from contract.batch import Batch
from contract.codec import stored_batch
from proof.kinds import VISITS

Place = tuple[int, int]
Pair = tuple[int, int]


class Entry(NamedTuple):
    """One row of the ledger, as far as it matters here."""

    position: int
    kind: str
    node: str
    epoch: str
    first: int
    last: int
    raw: bytes

    @property
    def batch(self) -> Batch:
        """The batch that it holds; for an entry of that kind."""
        return stored_batch(self.raw)

    @property
    def of_visits(self) -> bool:
        """Whether it tells what became of visits, and holds no rating."""
        return self.kind == VISITS

    @property
    def admitted(self) -> list[Place]:
        """The rows (position, index) that it lets count; for an entry of kind `admit`."""
        return _admit.decode(self.raw).admit


class Rows(NamedTuple):
    """An entry of kind batch, and which of its rows (indexes) count."""

    entry: Entry
    indexes: Sequence[int]


class _Admit(msgspec.Struct):
    admit: list[Place]


_admit = msgspec.json.Decoder(_Admit)


def counting(entry: Entry, given: Sequence[tuple[int, int]], held: Sequence[int]) -> Sequence[int]:
    """Return which rows of `entry` count: indexes, but for numbers `given` (first, last) before and rows `held`."""
    rows = range(entry.last - entry.first + 1)
    if not (given or held):
        return rows
    out = set(held)
    for first, last in given:
        out.update(range(max(first, entry.first) - entry.first, min(last, entry.last) - entry.first + 1))
    return [index for index in rows if index not in out]


def counted(
    entries: Iterable[Entry],
    given: Mapping[int, Sequence[Pair]],
    held: Mapping[int, Sequence[int]],
    batches: Mapping[int, Entry],
) -> list[Rows]:
    """Return the rows that `entries` let count.

    By position: `given` are number ranges that an earlier entry gave, `held` the rows held, `batches` the entries whose
    rows an admission among `entries` names.
    """
    found: list[Rows] = []
    for entry in entries:
        if entry.kind == "batch":
            found.append(Rows(entry, counting(entry, given.get(entry.position, ()), held.get(entry.position, ()))))
        elif entry.kind == "admit":
            rows: dict[int, list[int]] = {}
            for position, row in entry.admitted:
                rows.setdefault(position, []).append(row)
            found.extend(Rows(batches[position], indexes) for position, indexes in rows.items())
    return found
