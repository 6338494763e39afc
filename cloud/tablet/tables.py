"""Tablets, how far each of their streams goes, and what of it is on its way into the ledger."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from cloud.database import metadata

# A tablet of a window. `link`: the digest of the one-time link that sets it up, good before `link_until` (ms);
# `secret`: of what it shows with each delivery from then on. `heard`: when (ms) it was last heard of.
tablet = Table(
    "tablet",
    metadata,
    Column("name", Text, primary_key=True),
    Column("window", Text, nullable=False),
    Column("link", Text, nullable=False, unique=True),
    Column("link_until", BigInteger, nullable=False),
    Column("secret", Text, unique=True),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("set_up_at", BigInteger),
    Column("heard", BigInteger),
    Column("ended_at", BigInteger),
)

# A stream of the tablets of `window`: numbers up to `last` are held. When last heard of, at `at` (ms), its page was in
# its run `run`, whose own clock stood at `mono` and the tablet's at `date` (ms). No row that is to come was pressed
# before `floor`.
tablet_stream = Table(
    "tablet_stream",
    metadata,
    Column("node", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("window", Text, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("run", BigInteger, nullable=False),
    Column("mono", BigInteger, nullable=False),
    Column("date", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("floor", BigInteger, nullable=False),
)

# Numbers `first` to `last`. `given`: the rows as the tablet sent them; `raw`: the batch as signed. `settled`: from when
# on (ms) the ledger was seen to have it.
tablet_batch = Table(
    "tablet_batch",
    metadata,
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
    "tablet_batch_waiting",
    tablet_batch.c.node,
    tablet_batch.c.epoch,
    tablet_batch.c.first,
    sqlite_where=tablet_batch.c.settled.is_(None),
    postgresql_where=tablet_batch.c.settled.is_(None),
)
