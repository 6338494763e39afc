"""The schema of 0.1.0: ledger, quarantine, registry and tallies."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# In SQLite only a column of exactly this type is the row's own number.
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
# Sorted by bytes wherever the database was made: as SQLite does, and no new version of a language's rules can
# spoil an index.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# Law 10, held by the database itself: whoever changes or deletes an entry is refused.
_SQLITE_REFUSES = """
CREATE TRIGGER ledger_entry_keeps_{what} BEFORE {what} ON ledger_entry
BEGIN SELECT RAISE(ABORT, 'ledger entries are never changed'); END
"""
_POSTGRESQL_REFUSAL = """
CREATE OR REPLACE FUNCTION ledger_entry_keeps() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'ledger entries are never changed'; END $$
"""
_POSTGRESQL_REFUSES = """
CREATE TRIGGER ledger_entry_keeps BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entry
FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_keeps()
"""


def upgrade() -> None:
    """Make it all."""
    _ledger()
    _quarantine()
    _registry()
    _tallies()


def _ledger() -> None:
    op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("position", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("epoch", _TEXT, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("lane", _TEXT, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
    )
    batches = sa.text("kind = 'batch'")
    op.create_index(
        "ledger_entry_numbers",
        "ledger_entry",
        ["node", "epoch", "first", "last"],
        unique=True,
        sqlite_where=batches,
        postgresql_where=batches,
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_SQLITE_REFUSES.format(what="UPDATE"))
        op.execute(_SQLITE_REFUSES.format(what="DELETE"))
    else:
        op.execute(_POSTGRESQL_REFUSAL)
        op.execute(_POSTGRESQL_REFUSES)
    op.create_table(
        "uncounted",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("window", _TEXT, nullable=False),
        sa.Column("admitted", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    waiting = sa.text("admitted IS NULL")
    op.create_index(
        "uncounted_waiting", "uncounted", ["window", "reason"], sqlite_where=waiting, postgresql_where=waiting
    )
    op.create_table(
        "hello",
        sa.Column("node", _TEXT, primary_key=True),
        sa.Column("epoch", _TEXT, primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
    )


def _quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("hour", sa.Integer, nullable=False),
        sa.Column("township", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("node", _TEXT, nullable=False),
        sa.Column("detail", _TEXT, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("raw", sa.LargeBinary),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("hour", "township", "reason", "digest"),
    )
    with_bytes = sa.text("raw IS NOT NULL")
    op.create_index("quarantine_bytes", "quarantine", ["id"], sqlite_where=with_bytes, postgresql_where=with_bytes)


def _registry() -> None:
    op.create_table("county", sa.Column("code", _TEXT, primary_key=True), *_names(), *_validity())
    op.create_table(
        "township",
        sa.Column("code", _TEXT, primary_key=True),
        sa.Column("county", _TEXT, nullable=False),
        *_names(),
        *_validity(),
    )
    op.create_table("window", sa.Column("id", _TEXT, primary_key=True), *_validity())
    op.create_table(
        "node",
        sa.Column("node", _TEXT, primary_key=True),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("township", _TEXT, nullable=False),
        sa.Column("key", _TEXT, nullable=False),
        *_validity(),
    )
    op.create_table(
        "node_config",
        sa.Column("node", _TEXT, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("body", _TEXT, nullable=False),
    )
    op.create_table(
        "registry_head",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
    )


def _tallies() -> None:
    for name, span in (
        ("tally_minute", sa.Column("minute", _NUMBER, primary_key=True, autoincrement=False)),
        ("tally_day", sa.Column("day", _TEXT, primary_key=True)),
    ):
        op.create_table(
            name,
            span,
            sa.Column("window", _TEXT, primary_key=True),
            sa.Column("channel", _TEXT, primary_key=True),
            *_counts(),
            sqlite_with_rowid=False,
        )
    op.create_table(
        "tally_city",
        sa.Column("minute", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("channel", _TEXT, primary_key=True),
        *_counts(),
        sqlite_with_rowid=False,
    )


def _validity() -> tuple[sa.Column[int], sa.Column[int]]:
    return (
        sa.Column("valid_from", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("valid_to", sa.BigInteger),
    )


def _names() -> tuple[sa.Column[str], ...]:
    return tuple(sa.Column(name, _TEXT, nullable=False) for name in ("zh", "en", "short_zh", "short_en"))


def _counts() -> tuple[sa.Column[int], ...]:
    return tuple(sa.Column(name, sa.BigInteger, nullable=False) for name in ("satisfied", "basic", "dissatisfied"))
