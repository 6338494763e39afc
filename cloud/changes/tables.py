"""The tables of changes. Triggers made by `cloud.migrations` refuse whoever alters or removes one."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from cloud.database import metadata

# One row: the newest number. Whoever raises it holds the log until the commit, so numbers have no gap.
change_head = Table(
    "change_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
)

# `who`: an account's or token's name, or "system". `what`: the deed, by a code that the screens
# have words for. `subject`: what it was done to;
# `place`: where that is. `body`: more about it, as JSON; no secret and no telephone number is in it.
change = Table(
    "change",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("body", Text, nullable=False),
)
Index("change_subject", change.c.subject, change.c.number)
