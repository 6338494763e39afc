"""Who audits flags, what they decided about each, and the ratings that they took out as counts."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the index that finds judgements, and both tables."""
    where = sa.text("kind = 'judgement'")
    columns = ["node", "epoch", "first"]
    op.create_index(
        "ledger_entry_judgements", "ledger_entry", columns, unique=True, sqlite_where=where, postgresql_where=where
    )
    op.create_table(
        "auditor",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("zh", _TEXT, nullable=False),
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("valid_from", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("valid_to", sa.BigInteger),
    )
    op.create_table(
        "tally_upheld",
        sa.Column("minute", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("window", _TEXT, primary_key=True),
        sa.Column("channel", _TEXT, primary_key=True),
        sa.Column("satisfied", sa.BigInteger, nullable=False),
        sa.Column("basic", sa.BigInteger, nullable=False),
        sa.Column("dissatisfied", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
