"""The tables of what may be misuse. All of it follows from the ledger, the hours of offices and the policy."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from cloud.database import metadata

# One row: every entry up to `position` has been seen, and every day up to `over` has ended. `basis`: how it was seen.
misuse_cursor = Table(
    "misuse_cursor",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("over", Text, nullable=False),
    Column("basis", Text, nullable=False),
)

# What a node is judged by (`basis`), and from which day on it is `due` to be judged.
misuse_node = Table(
    "misuse_node",
    metadata,
    Column("node", Text, primary_key=True),
    Column("due", Text, nullable=False),
    Column("basis", Text, nullable=False),
)

# What is seen of a node's ratings of one day (`cloud.misuse.sight`), as it came; no grade is in it. `part`: the ledger
# position up to which had been seen by then.
misuse_day = Table(
    "misuse_day",
    metadata,
    Column("node", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("part", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# `window`: the city-wide name, or the node's where a flag is about all of it. `began`, `ended`: ms. `ratings`: numbers
# as JSON, [[epoch, first, last], ...], of which there are `size`. `figures`: why, as JSON.
misuse_flag = Table(
    "misuse_flag",
    metadata,
    Column("node", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("window", Text, primary_key=True),
    Column("began", BigInteger, primary_key=True, autoincrement=False),
    Column("ended", BigInteger, nullable=False),
    Column("version", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("ratings", Text, nullable=False),
    Column("figures", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index("misuse_flag_newest", misuse_flag.c.began, misuse_flag.c.window, misuse_flag.c.rule)
