"""Commits that other processes follow, tallies of townships, and the cursor of a series that is kept elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# The zone is not known here; every zone in China, and nearly every other, has its hours where UTC has them.
_FILL_TOWNSHIPS = """
INSERT INTO tally_township (hour, township, channel, satisfied, basic, dissatisfied)
SELECT minute - minute % 60, substr("window", 1, 9), channel,
    CAST(sum(satisfied) AS BIGINT), CAST(sum(basic) AS BIGINT), CAST(sum(dissatisfied) AS BIGINT)
FROM tally_minute GROUP BY minute - minute % 60, substr("window", 1, 9), channel
"""


def upgrade() -> None:
    """Add them, and count the townships' hours from the windows' minutes."""
    op.add_column("ledger_head", sa.Column("commits", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "ledger_commit",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "tally_township",
        sa.Column("hour", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("township", _TEXT, primary_key=True),
        sa.Column("channel", _TEXT, primary_key=True),
        sa.Column("satisfied", sa.BigInteger, nullable=False),
        sa.Column("basic", sa.BigInteger, nullable=False),
        sa.Column("dissatisfied", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(_FILL_TOWNSHIPS)
    op.create_table(
        "series_cursor",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "series_reject",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("line", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
    )
