"""The ledger's tables."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from cloud.database import metadata

# In SQLite only a column of exactly this type is the row's own number, which costs no second tree.
_POSITION = BigInteger().with_variant(Integer, "sqlite")

# One row: the highest position given, and how many commits there were. Whoever updates it holds the ledger's lock until
# the commit.
ledger_head = Table(
    "ledger_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("commits", BigInteger, nullable=False, server_default="0"),
)

# What the latest commits brought, for the processes that did not make them (`cloud.ledger.follower`); on PostgreSQL
# only, where there may be several. `body` is a `cloud.ledger.commit.Commit` in MessagePack.
ledger_commit = Table(
    "ledger_commit",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)

# `kind`: batch (`raw` is the signed batch as received); visits (the same, of what became of visits, which are no
# ratings); seal, witness or report (`raw` is as the city signed it);
# judgement (as two auditors signed it); certificate and revocation (`raw` is PEM); with JSON as `raw`, admit (see
# `cloud.ledger.admission`) or refuse (see `cloud.held`). A witness is a seal of a ledger that was lost (`cloud.seals`).
# `first`..`last`: a batch's numbers, a report's edition, which of its node and day a judgement is; of a seal its number
# and its last position. `epoch` is a report's period, a judgement's day.
# `received_at`: city time, ms. `lane`: live or backlog.
# Triggers made by `cloud.migrations` refuse whoever changes or deletes an entry (law 10).
ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("position", _POSITION, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("lane", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
)
# Unique, since an entry whose numbers are all known never enters: a second writer's mistake fails here.
Index(
    "ledger_entry_numbers",
    ledger_entry.c.node,
    ledger_entry.c.epoch,
    ledger_entry.c.first,
    ledger_entry.c.last,
    unique=True,
    sqlite_where=ledger_entry.c.kind == "batch",
    postgresql_where=ledger_entry.c.kind == "batch",
)
Index(
    "ledger_entry_visits",
    ledger_entry.c.node,
    ledger_entry.c.epoch,
    ledger_entry.c.first,
    ledger_entry.c.last,
    unique=True,
    sqlite_where=ledger_entry.c.kind == "visits",
    postgresql_where=ledger_entry.c.kind == "visits",
)

# Unique, since no two seals, and no two editions of a period, have one number. Of two judgements that are filed at once
# for a node and day the second fails, and has not seen the first.
Index(
    "ledger_entry_seals",
    ledger_entry.c.first,
    unique=True,
    sqlite_where=ledger_entry.c.kind.in_(("seal", "witness")),
    postgresql_where=ledger_entry.c.kind.in_(("seal", "witness")),
)

Index(
    "ledger_entry_reports",
    ledger_entry.c.epoch,
    ledger_entry.c.first,
    unique=True,
    sqlite_where=ledger_entry.c.kind == "report",
    postgresql_where=ledger_entry.c.kind == "report",
)

Index(
    "ledger_entry_certificates",
    ledger_entry.c.node,
    sqlite_where=ledger_entry.c.kind.in_(("certificate", "revocation")),
    postgresql_where=ledger_entry.c.kind.in_(("certificate", "revocation")),
)
Index(
    "ledger_entry_judgements",
    ledger_entry.c.node,
    ledger_entry.c.epoch,
    ledger_entry.c.first,
    unique=True,
    sqlite_where=ledger_entry.c.kind == "judgement",
    postgresql_where=ledger_entry.c.kind == "judgement",
)

# Rows that stand in an entry and do not count: `row` is the index in the batch, `window` the city-wide name where it
# is well-formed. `admitted`: position of the entry that let it count after all; `refused`: of the one that says that it
# never will.
uncounted = Table(
    "uncounted",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("window", Text, nullable=False),
    Column("admitted", BigInteger),
    Column("refused", BigInteger),
    sqlite_with_rowid=False,
)
Index(
    "uncounted_waiting",
    uncounted.c.window,
    uncounted.c.reason,
    sqlite_where=uncounted.c.admitted.is_(None),
    postgresql_where=uncounted.c.admitted.is_(None),
)

# The entries whose times are estimates: the `earliest` and `latest` that `at`, the batch's t0, can have been (ms). The
# bounds of each of its rows stand as far from that row's own time.
estimate = Table(
    "estimate",
    metadata,
    Column("position", _POSITION, primary_key=True, autoincrement=False),
    Column("node", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("earliest", BigInteger, nullable=False),
    Column("latest", BigInteger, nullable=False),
)
Index("estimate_numbers", estimate.c.node, estimate.c.epoch, estimate.c.first)

# The newest signed hello of each stream: how far it says that it goes.
hello = Table(
    "hello",
    metadata,
    Column("node", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
)
