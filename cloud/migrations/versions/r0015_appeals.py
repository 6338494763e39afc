"""Appeals against published reports."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "appeal_head",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "appeal",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("period", _TEXT, nullable=False),
        sa.Column("edition", sa.BigInteger, nullable=False),
        sa.Column("unit", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("filed_by", _TEXT, nullable=False),
        sa.Column("filed_at", sa.BigInteger, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("answer", _TEXT, nullable=False),
        sa.Column("decided_by", _TEXT),
        sa.Column("decided_at", sa.BigInteger),
        sa.Column("version", sa.Integer, nullable=False),
    )
    undecided = sa.text("decided_at IS NULL")
    op.create_index(
        "appeal_undecided",
        "appeal",
        ["period", "edition", "unit", "kind"],
        unique=True,
        sqlite_where=undecided,
        postgresql_where=undecided,
    )
