"""Visits: what gateways tell of them has entries of its own in the ledger, and what follows from it two tables."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_VISITS = sa.text("kind = 'visits'")


def upgrade() -> None:
    """Make the index and the tables."""
    op.create_index(
        "ledger_entry_visits",
        "ledger_entry",
        ["node", "epoch", "first", "last"],
        unique=True,
        sqlite_where=_VISITS,
        postgresql_where=_VISITS,
    )
    op.create_table(
        "visit_cursor",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("zone", _TEXT, nullable=False),
    )
    op.create_table(
        "visit",
        sa.Column("node", _TEXT, primary_key=True),
        sa.Column("token", _TEXT, primary_key=True),
        sa.Column("window", _TEXT, nullable=False),
        sa.Column("day", _TEXT, nullable=False),
        sa.Column("item", _TEXT),
        sa.Column("asked", sa.BigInteger),
        sa.Column("became", sa.Integer),
        sa.Column("ratings", sa.Integer, nullable=False),
        sa.Column("level", sa.Integer),
        sa.Column("position", sa.BigInteger),
        sa.Column("number", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("visit_day", "visit", ["window", "day"])
