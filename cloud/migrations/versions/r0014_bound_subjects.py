"""Accounts that are entered by an identity provider, and browsers that are on their way there."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "bound_subject",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("issuer", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("bound_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("issuer", "subject", name="bound_subject_once"),
    )
    op.create_table(
        "oidc_trip",
        sa.Column("digest", _TEXT, primary_key=True),
        sa.Column("purpose", _TEXT, nullable=False),
        sa.Column("whom", _TEXT, nullable=False),
        sa.Column("target", _TEXT, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
    )
