"""The tables of appeals. Times are ms; an appeal annotates an edition, which stays as it was signed."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from cloud.database import metadata

# One row: the newest number. Whoever files or publishes holds it until the commit, so that no final edition comes
# about beside an appeal.
appeal_head = Table(
    "appeal_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
)

# As `cloud.appeals.appeal.Appeal` says. `number`: from 1 without a gap.
appeal = Table(
    "appeal",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("period", Text, nullable=False),
    Column("edition", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("filed_by", Text, nullable=False),
    Column("filed_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", BigInteger),
    Column("version", Integer, nullable=False),
)
# One undecided appeal of a unit, kind and edition; and how many a period has.
Index(
    "appeal_undecided",
    appeal.c.period,
    appeal.c.edition,
    appeal.c.unit,
    appeal.c.kind,
    unique=True,
    sqlite_where=appeal.c.decided_at.is_(None),
    postgresql_where=appeal.c.decided_at.is_(None),
)
