"""The indexes that find seals, reports and certificates among the ledger's entries."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the indexes."""
    seals = sa.text("kind IN ('seal', 'witness')")
    op.create_index(
        "ledger_entry_seals", "ledger_entry", ["first"], unique=True, sqlite_where=seals, postgresql_where=seals
    )
    reports = sa.text("kind = 'report'")
    op.create_index(
        *("ledger_entry_reports", "ledger_entry", ["epoch", "first"]),
        unique=True,
        sqlite_where=reports,
        postgresql_where=reports,
    )
    certificates = sa.text("kind IN ('certificate', 'revocation')")
    op.create_index(
        *("ledger_entry_certificates", "ledger_entry", ["node"]),
        sqlite_where=certificates,
        postgresql_where=certificates,
    )
