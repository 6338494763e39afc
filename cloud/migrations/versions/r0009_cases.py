"""Cases of dissatisfied ratings, the ratings and the steps of each, and up to where the ledger was looked at."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make their tables; cases begin with what comes after the ledger's present head."""
    op.create_table(
        "case_cursor",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    _cases()
    _ratings()
    op.create_table(
        "case_step",
        sa.Column("case", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("who", _TEXT, nullable=False),
        sa.Column("action", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("body", _TEXT, nullable=False),
        sqlite_with_rowid=False,
    )


def _cases() -> None:
    op.create_table(
        "case_news",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "case",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("window", _TEXT, nullable=False),
        sa.Column("township", _TEXT, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("newest_at", sa.BigInteger, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("state_at", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("raise_at", sa.BigInteger),
        sa.Column("level", _TEXT, nullable=False),
        sa.Column("assignee", _TEXT),
        sa.Column("contact", sa.Integer, nullable=False),
        sa.Column("unfounded_by", _TEXT),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("steps", sa.Integer, nullable=False),
    )
    op.create_index("case_window", "case", ["window", "number"])
    for name, columns, held in (
        ("case_open", ["township", "state"], "closed_at IS NULL"),
        ("case_due", ["due_at"], "due_at IS NOT NULL"),
        ("case_raise", ["raise_at"], "raise_at IS NOT NULL"),
    ):
        where = sa.text(held)
        op.create_index(name, "case", columns, sqlite_where=where, postgresql_where=where)


def _ratings() -> None:
    op.create_table(
        "case_rating",
        sa.Column("node", _TEXT, primary_key=True),
        sa.Column("epoch", _TEXT, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("case", sa.BigInteger, nullable=False),
        sa.Column("window", _TEXT, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("seen_from", sa.BigInteger, nullable=False),
        sa.Column("others", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("case_rating_case", "case_rating", ["case", "seen_from"])
    op.create_index("case_rating_veiled", "case_rating", ["seen_from", "window"])
