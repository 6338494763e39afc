"""What an outbox or a journal says of one number, read beside the house that works with it. Nothing is written."""

from pathlib import Path
from typing import Literal, NamedTuple

from contract.batch import MAX_ROWS
from transport.disk import look

State = Literal["undated", "uncut", "cut", "deleted", "destroyed", "beyond"]

_BATCHES = """
SELECT s.epoch, b.first, b.last, b.settled_at FROM batch b JOIN stream s ON s.id = b.stream
WHERE s.node = :node AND b.first > :number - :most AND b.first <= :number AND b.last >= :number
"""
_PRUNED = """
SELECT s.epoch, s.last FROM stream s
WHERE s.node = :node AND s.last >= :number AND NOT EXISTS (SELECT 1 FROM batch b
    WHERE b.stream = s.id AND b.first > :number - :most AND b.first <= :number AND b.last >= :number)
"""
_UNCUT = """
SELECT s.epoch, r.at IS NULL FROM rating r JOIN stream s ON s.id = r.stream
WHERE s.node = :node AND r.seq = :number
"""
# A store that no house of this version has opened yet lacks the table.
_CAN_DECLARE = "SELECT 1 FROM sqlite_master WHERE name = 'void'"
_DESTROYED = "SELECT epoch, first, last FROM void WHERE node = :node AND first <= :number AND last >= :number"
_NEWEST = """
SELECT s.epoch, max(s.last, coalesce((SELECT max(b.last) FROM batch b WHERE b.stream = s.id), 0),
    coalesce((SELECT max(r.seq) FROM rating r WHERE r.stream = s.id), 0))
FROM stream s WHERE s.node = :node ORDER BY s.id DESC LIMIT 1
"""


class Whereabouts(NamedTuple):
    """`first`..`last` is the batch, or what was `destroyed` with the number, or for one `beyond` what was given.

    `settled_at`: by a receipt (ms).
    """

    epoch: str
    state: State
    first: int
    last: int
    settled_at: int | None = None


def find(path: Path, node: str, number: int, *, numbers: bool) -> list[Whereabouts]:
    """Where `number` of `node` stands in the store at `path`, in every epoch that has it there.

    `numbers`: it is the node's own store, which knows what was given and not cut, and what was never given. Raises
    `StoreFull` or `StoreDamaged` where it cannot be read.
    """
    values = {"node": node, "number": number, "most": MAX_ROWS}
    found = [Whereabouts(epoch, "cut", *rest) for epoch, *rest in look(path, _BATCHES, values)]
    found += [Whereabouts(epoch, "deleted", number, number) for epoch, _ in look(path, _PRUNED, values)]
    if not numbers:
        return found
    destroyed = look(path, _DESTROYED, values) if look(path, _CAN_DECLARE) else []
    lost = [Whereabouts(epoch, "destroyed", first, last) for epoch, first, last in destroyed]
    # Whatever was deleted after it, this one was not: only what is settled is.
    gone = {one.epoch for one in lost}
    found = [one for one in found if one.state != "deleted" or one.epoch not in gone] + lost
    for epoch, undated in look(path, _UNCUT, values):
        found.append(Whereabouts(epoch, "undated" if undated else "uncut", number, number))
    if not found:
        found = [Whereabouts(epoch, "beyond", 1, last) for epoch, last in look(path, _NEWEST, values)]
    return found
