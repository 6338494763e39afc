"""The tables of visits. All of it follows from the ledger and the city's zone."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from cloud.database import metadata

# One row: every entry up to `position` has been taken in, its days in the zone `zone`.
visit_cursor = Table(
    "visit_cursor",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("zone", Text, nullable=False),
)

# A visit by its token at the counter's `node`, once its gateway told of it (`became`, as in
# `contract.rating.Became`; `asked`: when, ms), and what was rated by that token: how many `ratings`, and the `level` of
# the first, which stands as number `number` at the ledger's `position`. `window`: city-wide. `day`: the visit's; while
# that is not known, the rating's.
visit = Table(
    "visit",
    metadata,
    Column("node", Text, primary_key=True),
    Column("token", Text, primary_key=True),
    Column("window", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("item", Text),
    Column("asked", BigInteger),
    Column("became", Integer),
    Column("ratings", Integer, nullable=False),
    Column("level", Integer),
    Column("position", BigInteger),
    Column("number", BigInteger),
    sqlite_with_rowid=False,
)
Index("visit_day", visit.c.window, visit.c.day)
# All that the wall asks for stands in it.
Index("visit_of_day", visit.c.day, visit.c.asked, visit.c.became, visit.c.level)
