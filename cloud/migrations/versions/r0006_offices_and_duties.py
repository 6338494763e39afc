"""Offices with their windows, and who is on duty at which."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make their tables."""
    for named, held in (("office", "office_window"), ("person", "duty")):
        op.create_table(
            named,
            sa.Column("code", _TEXT, primary_key=True),
            sa.Column("zh", _TEXT, nullable=False),
            sa.Column("en", _TEXT, nullable=False),
        )
        op.create_table(
            held,
            sa.Column("window", _TEXT, primary_key=True),
            sa.Column("valid_from", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("valid_to", sa.BigInteger),
            sa.Column(named, _TEXT, nullable=False),
        )
