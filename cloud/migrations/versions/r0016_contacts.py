"""Contacts that citizens leave, without the contacts themselves, and finding steps that name files or readings."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ATTACH = sa.text("action = 'attach'")
_READ = sa.text("action = 'read_contact'")
_LIVE = sa.text("deleted_by IS NULL")
_LEFT = sa.text("deleted_at IS NULL")


def upgrade() -> None:
    """Make their table, and the indices."""
    op.create_table(
        "contact",
        sa.Column("file", _TEXT, primary_key=True),
        sa.Column("case", sa.BigInteger, nullable=False),
        sa.Column("telephone", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("recorded_by", _TEXT, nullable=False),
        sa.Column("deletes_at", sa.BigInteger),
        sa.Column("deleted_at", sa.BigInteger),
        sa.Column("deleted_by", _TEXT),
    )
    op.create_index("contact_live", "contact", ["case"], unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE)
    op.create_index("contact_left", "contact", ["deletes_at"], sqlite_where=_LEFT, postgresql_where=_LEFT)
    op.create_index("case_step_attach", "case_step", ["case"], sqlite_where=_ATTACH, postgresql_where=_ATTACH)
    op.create_index("case_step_read_contact", "case_step", ["who", "at"], sqlite_where=_READ, postgresql_where=_READ)
