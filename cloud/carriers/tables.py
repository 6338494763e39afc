"""Carriers, how far each of their streams goes, and what of it is on its way into the ledger."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from cloud.database import metadata

# A carrier of a window, by its `channel`. `holder`: whose it is; "": the hall's. `link`: the digest of the one-time
# link that sets it up, good before `link_until` (ms); `secret`: of what it shows with each delivery from then on.
# `heard`: when (ms) it was last heard of.
carrier = Table(
    "carrier",
    metadata,
    Column("name", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("window", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("link", Text, nullable=False, unique=True),
    Column("link_until", BigInteger, nullable=False),
    Column("secret", Text, unique=True),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("set_up_at", BigInteger),
    Column("heard", BigInteger),
    Column("ended_at", BigInteger),
)

# A stream of the carriers of `window`: what it numbered up to `last` is held, and `rated` of that are ratings. When
# last heard of, at `at` (ms), its page was in its run `run`, whose own clock stood at `mono` and the carrier's at
# `date` (ms). No rating that is to come was pressed before `floor`.
carrier_stream = Table(
    "carrier_stream",
    metadata,
    Column("node", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("window", Text, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("rated", BigInteger, nullable=False),
    Column("run", BigInteger, nullable=False),
    Column("mono", BigInteger, nullable=False),
    Column("date", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("floor", BigInteger, nullable=False),
)

# The ratings `first` to `last`. `given`: as the carrier sent them; `raw`: the batch as signed. `settled`: from when
# on (ms) the ledger was seen to have it.
carrier_batch = Table(
    "carrier_batch",
    metadata,
    Column("channel", Text, nullable=False),
    Column("node", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("given", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("settled", BigInteger),
)
Index(
    "carrier_batch_waiting",
    carrier_batch.c.channel,
    carrier_batch.c.node,
    carrier_batch.c.epoch,
    carrier_batch.c.first,
    sqlite_where=carrier_batch.c.settled.is_(None),
    postgresql_where=carrier_batch.c.settled.is_(None),
)
