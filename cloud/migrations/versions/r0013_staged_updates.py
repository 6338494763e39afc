"""Staged updates of configurations, and the nodes of each."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "staged_update",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("who", _TEXT, nullable=False),
        sa.Column("place", _TEXT, nullable=False),
        sa.Column("settle_ms", sa.BigInteger),
        sa.Column("cooldown_ms", sa.BigInteger),
        sa.Column("patience_ms", sa.BigInteger, nullable=False),
        sa.Column("limit_ms", sa.BigInteger, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("stage", sa.Integer, nullable=False),
        sa.Column("stage_at", sa.BigInteger, nullable=False),
        sa.Column("steps", sa.Integer, nullable=False),
    )
    op.create_table(
        "staged_update_node",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("node", _TEXT, primary_key=True),
        sa.Column("stage", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger),
        sa.Column("before", sa.BigInteger),
        sa.Column("taken_at", sa.BigInteger),
        sa.Column("excused", sa.Integer, nullable=False),
    )
