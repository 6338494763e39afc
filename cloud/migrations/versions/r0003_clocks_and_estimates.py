"""Clocks that disagree, bounds and counts of estimated times, and rows that are refused for good."""

import sqlalchemy as sa
from alembic import op

from contract.codec import stored_batch
from contract.errors import Refused
from contract.rating import Quality

revision = "0003"
down_revision = "0002"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_MINUTE_MS = 60_000

# Most entries are no estimates, and their bytes say so without being decoded.
_SUSPECTS = {
    "sqlite": r"""
SELECT position, raw FROM ledger_entry WHERE kind = 'batch' AND instr(raw, CAST('"q"\:2' AS BLOB)) > 0
""",
    "postgresql": r"""
SELECT position, raw FROM ledger_entry WHERE kind = 'batch' AND position(convert_to('"q"\:2', 'UTF8') IN raw) > 0
""",
}
_UNCOUNTED = sa.text('SELECT "row" FROM uncounted WHERE position = :position AND admitted IS NULL')
# Numbers that an entry before gave: what counts is what that one says.
_GIVEN = sa.text("""
SELECT first, last FROM ledger_entry
WHERE kind = 'batch' AND node = :node AND epoch = :epoch AND first <= :last AND last >= :first AND position < :position
""")
_KEEP = sa.text("""
INSERT INTO estimate (position, node, epoch, first, last, at, earliest, latest)
VALUES (:position, :node, :epoch, :first, :last, :at, :earliest, :latest)
""")
_COUNT = sa.text("""
INSERT INTO tally_estimated (minute, "window", channel, ratings) VALUES (:minute, :window, 'button', 1)
ON CONFLICT (minute, "window", channel) DO UPDATE SET ratings = tally_estimated.ratings + 1
""")


def upgrade() -> None:
    """Add them, and look for the estimates that are in the ledger already."""
    op.create_table(
        "skewed_clock",
        sa.Column("node", _TEXT, primary_key=True),
        sa.Column("off_ms", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "estimate",
        sa.Column("position", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("epoch", _TEXT, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("earliest", sa.BigInteger, nullable=False),
        sa.Column("latest", sa.BigInteger, nullable=False),
    )
    op.create_index("estimate_numbers", "estimate", ["node", "epoch", "first"])
    op.create_table(
        "tally_estimated",
        sa.Column("minute", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("window", _TEXT, primary_key=True),
        sa.Column("channel", _TEXT, primary_key=True),
        sa.Column("ratings", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column("uncounted", sa.Column("refused", sa.BigInteger))
    _fill(op.get_bind())


def _fill(connection: sa.Connection) -> None:
    found = connection.execute(sa.text(_SUSPECTS[connection.dialect.name])).all()
    for position, raw in found:
        try:
            batch = stored_batch(raw)
        except Refused:
            continue  # a recount names it
        if batch.q is not Quality.ESTIMATED:
            continue
        numbers = {"node": batch.node, "epoch": batch.epoch, "first": batch.first, "last": batch.last}
        earliest, latest = batch.bounds or (batch.t0, batch.t0)
        connection.execute(
            _KEEP, {"position": position, **numbers, "at": batch.t0, "earliest": earliest, "latest": latest}
        )
        out = {row for (row,) in connection.execute(_UNCOUNTED, {"position": position})}
        for first, last in connection.execute(_GIVEN, {"position": position, **numbers}):
            out.update(number - batch.first for number in range(first, last + 1))
        for index, row in enumerate(batch.rows):
            if index not in out:
                at = batch.t0 + row.ms
                connection.execute(_COUNT, {"minute": at // _MINUTE_MS, "window": f"{batch.node}/{row.window}"})
