"""Whose turn it is, alerts, the queue of notices, which digests went out, and mailboxes."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make their tables."""
    op.add_column("account", sa.Column("mail", _TEXT))
    op.create_table(
        "turn",
        sa.Column("place", _TEXT, primary_key=True),
        sa.Column("valid_from", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("valid_to", sa.BigInteger),
        sa.Column("a", _TEXT, nullable=False),
        sa.Column("b", _TEXT),
    )
    op.create_table(
        "alert_head",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("mark", sa.BigInteger, nullable=False),
    )
    _alerts()
    _notices()
    op.create_table(
        "digest_head",
        sa.Column("kind", _TEXT, primary_key=True),
        sa.Column("first", _TEXT, nullable=False),
    )


def _alerts() -> None:
    op.create_table(
        "alert",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("case", sa.BigInteger),
        sa.Column("cause", sa.Integer),
        sa.Column("window", _TEXT, nullable=False),
        sa.Column("channel", _TEXT, nullable=False),
        sa.Column("level", _TEXT, nullable=False),
        sa.Column("figures", _TEXT),
        sa.Column("raised_at", sa.BigInteger, nullable=False),
        sa.Column("breached_at", sa.BigInteger, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("place", _TEXT),
        sa.Column("rank", _TEXT),
        sa.Column("holder", _TEXT),
        sa.Column("pass_at", sa.BigInteger),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("steps", sa.Integer, nullable=False),
    )
    op.create_index("alert_case", "alert", ["case", "cause"], unique=True)
    op.create_index("alert_window", "alert", ["window", "number"])
    where = sa.text("closed_at IS NULL")
    op.create_index("alert_open", "alert", ["number"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "alert_step",
        sa.Column("alert", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("who", _TEXT, nullable=False),
        sa.Column("action", _TEXT, nullable=False),
        sa.Column("text", _TEXT, nullable=False),
        sa.Column("holder", _TEXT),
        sqlite_with_rowid=False,
    )


def _notices() -> None:
    op.create_table(
        "notice",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("recipient", _TEXT, nullable=False),
        sa.Column("channel", _TEXT, nullable=False),
        sa.Column("letter", _TEXT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("sent_at", sa.BigInteger),
        sa.Column("trouble", _TEXT),
    )
    where = sa.text("next_at IS NOT NULL")
    op.create_index("notice_next", "notice", ["channel", "next_at"], sqlite_where=where, postgresql_where=where)
