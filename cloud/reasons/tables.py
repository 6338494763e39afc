"""What citizens left beside their ratings by telephone; never a contact."""

from sqlalchemy import BigInteger, Column, Table, Text

from cloud.database import metadata

# By the rating's number (node, epoch, seq), under which a case has it too. `reason`: one of `cloud.reasons.rules`, or
# ""; `text`: the citizen's own words, or ""; both are "" where a contact alone was left.
phone_reason = Table(
    "phone_reason",
    metadata,
    Column("node", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("left_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
