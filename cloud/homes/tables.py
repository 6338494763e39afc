"""Visits of assistants: what was done where, and which rating of the ledger belongs to it."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from cloud.database import metadata

# Visit `number` of a stream, kept by the telephone `carrier` of `window` at these clocks of its. `rating`: the number
# of its rating in the same stream; NULL: it was not rated. `said`: the day and minute that the assistant set. `kind`
# and what stands behind it are empty once they are forgotten.
home_visit = Table(
    "home_visit",
    metadata,
    Column("node", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("carrier", Text, nullable=False),
    Column("window", Text, nullable=False),
    Column("run", BigInteger, nullable=False),
    Column("mono", BigInteger, nullable=False),
    Column("date", BigInteger, nullable=False),
    Column("rating", BigInteger),
    Column("received_at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("note", Text, nullable=False),
)
Index("home_visit_received", home_visit.c.received_at)
