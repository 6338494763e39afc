"""The table of clocks that disagree."""

from sqlalchemy import BigInteger, Column, Table, Text

from cloud.database import metadata

# The devices whose clock disagrees with the city's now: by `off_ms` at least (negative: behind), since `since`, last
# seen so at `seen` (city's time, ms). Written by whoever hears them, read by whoever shows them.
skewed_clock = Table(
    "skewed_clock",
    metadata,
    Column("node", Text, primary_key=True),
    Column("off_ms", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
)
