"""What the naive model looks at on each kind of disk: one shape for outbox, journal and ledger."""

from typing import NamedTuple


class Row(NamedTuple):
    """A batch as signed; or, on a node, an uncut rating, whose `raw` is the text of its press's mark."""

    id: int
    node: str
    epoch: str
    first: int
    last: int
    settled_at: int | None
    raw: bytes | str


JOURNAL = """
SELECT b.id, s.node, s.epoch, b.first, b.last, b.settled_at, b.raw FROM batch b JOIN stream s ON s.id = b.stream
"""
OUTBOX = f"""
{JOURNAL} UNION ALL
SELECT 0, s.node, s.epoch, r.seq, r.seq, NULL, CAST(r.presses AS TEXT) FROM rating r JOIN stream s ON s.id = r.stream
"""  # noqa: S608  (a text of this file)
LEDGER = """
SELECT position, node, epoch, first, last, received_at, raw FROM ledger_entry WHERE kind = 'batch' ORDER BY position
"""
