"""What the city tells its halls."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make its table."""
    op.create_table(
        "hall_head",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("edition", sa.BigInteger, nullable=False),
        sa.Column("body", _TEXT, nullable=False),
    )
