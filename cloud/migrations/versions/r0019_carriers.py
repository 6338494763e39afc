"""Carriers: tablets at windows and the telephones of assistants, with those assistants' visits."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_WAITING = sa.text("settled IS NULL")


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "carrier",
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("channel", _TEXT, nullable=False),
        sa.Column("window", _TEXT, nullable=False),
        sa.Column("holder", _TEXT, nullable=False),
        sa.Column("link", _TEXT, nullable=False, unique=True),
        sa.Column("link_until", sa.BigInteger, nullable=False),
        sa.Column("secret", _TEXT, unique=True),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("made_by", _TEXT, nullable=False),
        sa.Column("set_up_at", sa.BigInteger),
        sa.Column("heard", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
    )
    op.create_table(
        "carrier_stream",
        sa.Column("node", _TEXT, primary_key=True),
        sa.Column("epoch", _TEXT, primary_key=True),
        sa.Column("window", _TEXT, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("rated", sa.BigInteger, nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("mono", sa.BigInteger, nullable=False),
        sa.Column("date", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("floor", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "carrier_batch",
        sa.Column("channel", _TEXT, nullable=False),
        sa.Column("node", _TEXT, primary_key=True),
        sa.Column("epoch", _TEXT, primary_key=True),
        sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("given", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("settled", sa.BigInteger),
    )
    op.create_index(
        "carrier_batch_waiting",
        "carrier_batch",
        ["channel", "node", "epoch", "first"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_table(
        "home_visit",
        sa.Column("node", _TEXT, primary_key=True),
        sa.Column("epoch", _TEXT, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("carrier", _TEXT, nullable=False),
        sa.Column("window", _TEXT, nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("mono", sa.BigInteger, nullable=False),
        sa.Column("date", sa.BigInteger, nullable=False),
        sa.Column("rating", sa.BigInteger),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("place", _TEXT, nullable=False),
        sa.Column("item", _TEXT, nullable=False),
        sa.Column("said", _TEXT, nullable=False),
        sa.Column("note", _TEXT, nullable=False),
    )
    op.create_index("home_visit_received", "home_visit", ["received_at"])
