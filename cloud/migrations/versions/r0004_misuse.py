"""Opening hours, what may be misuse, and what is flagged as counts."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make their tables; the flags are made from the ledger by the city itself."""
    _hours()
    _misuse()
    op.create_table(
        "tally_flagged",
        sa.Column("minute", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("window", _TEXT, primary_key=True),
        sa.Column("channel", _TEXT, primary_key=True),
        sa.Column("satisfied", sa.BigInteger, nullable=False),
        sa.Column("basic", sa.BigInteger, nullable=False),
        sa.Column("dissatisfied", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _hours() -> None:
    op.create_table(
        "office_hours",
        sa.Column("place", _TEXT, primary_key=True),
        sa.Column("first", _TEXT, primary_key=True),
        sa.Column("last", _TEXT),
        sa.Column("body", _TEXT, nullable=False),
    )
    op.create_table(
        "office_closure",
        sa.Column("place", _TEXT, primary_key=True),
        sa.Column("first", _TEXT, primary_key=True),
        sa.Column("last", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
    )
    op.create_table(
        "special_day",
        sa.Column("day", _TEXT, primary_key=True),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
    )


def _misuse() -> None:
    op.create_table(
        "misuse_cursor",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("over", _TEXT, nullable=False),
        sa.Column("basis", _TEXT, nullable=False),
    )
    op.create_table(
        "misuse_node",
        sa.Column("node", _TEXT, primary_key=True),
        sa.Column("due", _TEXT, nullable=False),
        sa.Column("basis", _TEXT, nullable=False),
    )
    op.create_table(
        "misuse_day",
        sa.Column("node", _TEXT, primary_key=True),
        sa.Column("day", _TEXT, primary_key=True),
        sa.Column("part", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "misuse_flag",
        sa.Column("node", _TEXT, primary_key=True),
        sa.Column("day", _TEXT, primary_key=True),
        sa.Column("rule", _TEXT, primary_key=True),
        sa.Column("window", _TEXT, primary_key=True),
        sa.Column("began", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("ended", sa.BigInteger, nullable=False),
        sa.Column("version", _TEXT, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("ratings", _TEXT, nullable=False),
        sa.Column("figures", _TEXT, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("misuse_flag_newest", "misuse_flag", ["began", "window", "rule"])
