"""What was rated by telephone and is on its way into the ledger, and by which code."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from cloud.database import metadata

# The numbers that the city's own node for telephones has given, by stream; `begun`: when (ms) it gave the first.
phone_stream = Table(
    "phone_stream",
    metadata,
    Column("node", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("begun", BigInteger, nullable=False),
)

# A code of a window was used: by its minute. `raw`: the batch as signed. `receipt` is known to whoever sent it and to
# nobody else. `settled`: from when on (ms) the ledger was seen to have it.
phone_rating = Table(
    "phone_rating",
    metadata,
    Column("window", Text, primary_key=True),
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("receipt", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("settled", BigInteger),
)
Index(
    "phone_rating_waiting",
    phone_rating.c.node,
    phone_rating.c.epoch,
    phone_rating.c.number,
    sqlite_where=phone_rating.c.settled.is_(None),
    postgresql_where=phone_rating.c.settled.is_(None),
)
