"""Every version of every node's configuration, with when, by whom and why: until now there was the newest alone."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table anew; what is there was registered, at the millisecond that its version is."""
    kept = op.get_bind().execute(sa.text("SELECT node, version, body FROM node_config")).all()
    op.drop_table("node_config")
    made = op.create_table(
        "node_config",
        sa.Column("node", _TEXT, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("who", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("body", _TEXT, nullable=False),
    )
    op.bulk_insert(
        made,
        [
            {"node": node, "version": version, "at": version, "who": "registration", "reason": "", "body": body}
            for node, version, body in kept
        ],
    )
