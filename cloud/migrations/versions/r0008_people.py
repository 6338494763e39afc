"""Accounts, sessions and tokens, and the log of changes, which only grows."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_SQLITE_REFUSES = """
CREATE TRIGGER change_keeps_{what} BEFORE {what} ON change
BEGIN SELECT RAISE(ABORT, 'the log of changes only grows'); END
"""
_POSTGRESQL_REFUSAL = """
CREATE OR REPLACE FUNCTION change_keeps() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the log of changes only grows'; END $$
"""
_POSTGRESQL_REFUSES = """
CREATE TRIGGER change_keeps BEFORE UPDATE OR DELETE OR TRUNCATE ON change
FOR EACH STATEMENT EXECUTE FUNCTION change_keeps()
"""


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "account",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("called", _TEXT, nullable=False),
        sa.Column("role", _TEXT, nullable=False),
        sa.Column("place", _TEXT, nullable=False),
        sa.Column("person", _TEXT),
        sa.Column("password", _TEXT),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("locked_until", sa.BigInteger),
    )
    op.create_table(
        "account_link",
        sa.Column("digest", _TEXT, primary_key=True),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "session",
        sa.Column("digest", _TEXT, primary_key=True),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("csrf", _TEXT, nullable=False),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
    )
    op.create_index("session_name", "session", ["name"])
    op.create_table(
        "token",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("digest", _TEXT, nullable=False, unique=True),
        sa.Column("role", _TEXT, nullable=False),
        sa.Column("place", _TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.BigInteger),
    )
    _changes()


def _changes() -> None:
    op.create_table(
        "change_head",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "change",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("who", _TEXT, nullable=False),
        sa.Column("what", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("place", _TEXT, nullable=False),
        sa.Column("body", _TEXT, nullable=False),
    )
    op.create_index("change_subject", "change", ["subject", "number"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_POSTGRESQL_REFUSAL)
        op.execute(_POSTGRESQL_REFUSES)
    else:
        for what in ("UPDATE", "DELETE"):
            op.execute(_SQLITE_REFUSES.format(what=what))
