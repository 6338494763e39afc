"""What citizens leave beside a dissatisfied rating by telephone: reasons, and contacts that wait for their case."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "phone_reason",
        sa.Column("node", _TEXT, primary_key=True),
        sa.Column("epoch", _TEXT, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("text", _TEXT, nullable=False),
        sa.Column("left_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "contact_waiting",
        sa.Column("file", _TEXT, primary_key=True),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("epoch", _TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("left_at", sa.BigInteger, nullable=False),
    )
