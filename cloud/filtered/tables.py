"""The table of what is flagged, counted as the tallies count everything."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from cloud.database import metadata

# Of the ratings in `tally_minute`, those with a flag, each once however many flags it has.
tally_flagged = Table(
    "tally_flagged",
    metadata,
    Column("minute", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("window", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("satisfied", BigInteger, nullable=False),
    Column("basic", BigInteger, nullable=False),
    Column("dissatisfied", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
