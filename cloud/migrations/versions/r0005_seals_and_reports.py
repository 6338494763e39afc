"""The indexes that find seals and reports among the ledger's entries, and let no two of them say the same."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the indexes."""
    for kind, columns in (("seal", ["first"]), ("report", ["epoch", "first"])):
        where = sa.text(f"kind = '{kind}'")
        op.create_index(
            f"ledger_entry_{kind}s", "ledger_entry", columns, unique=True, sqlite_where=where, postgresql_where=where
        )
