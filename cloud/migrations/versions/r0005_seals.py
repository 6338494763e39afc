"""Seals: the index that finds them among the ledger's entries, and lets no two close the same."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the index."""
    seals = sa.text("kind = 'seal'")
    op.create_index(
        "ledger_entry_seals", "ledger_entry", ["first"], unique=True, sqlite_where=seals, postgresql_where=seals
    )
