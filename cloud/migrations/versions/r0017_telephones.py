"""Ratings by telephone: the codes that were used, and what is on its way into the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_WAITING = sa.text("settled IS NULL")


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "phone_stream",
        sa.Column("node", _TEXT, primary_key=True),
        sa.Column("epoch", _TEXT, primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("begun", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "phone_rating",
        sa.Column("window", _TEXT, primary_key=True),
        sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("receipt", _TEXT, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("epoch", _TEXT, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("settled", sa.BigInteger),
    )
    op.create_index(
        "phone_rating_waiting",
        "phone_rating",
        ["node", "epoch", "number"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
