"""The tables of staged updates. All moments are ms."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from cloud.database import metadata

# `settle_ms`, `cooldown_ms`: NULL leaves a time as it is. `stage`: the present one, from 1 on, which began at
# `stage_at`. `steps` rises with every change, so that of two that change it at once the second finds that out.
staged_update = Table(
    "staged_update",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("settle_ms", BigInteger),
    Column("cooldown_ms", BigInteger),
    Column("patience_ms", BigInteger, nullable=False),
    Column("limit_ms", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("stage", Integer, nullable=False),
    Column("stage_at", BigInteger, nullable=False),
    Column("steps", Integer, nullable=False),
)

# `version`: what the update gave, NULL before its stage; `before`: what was in force until then, NULL where the node
# had the times already. `taken_at`: since when it has been seen with it, online all the while. `excused`: 1 where a
# person went on without it.
staged_update_node = Table(
    "staged_update_node",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("node", Text, primary_key=True),
    Column("stage", Integer, nullable=False),
    Column("version", BigInteger),
    Column("before", BigInteger),
    Column("taken_at", BigInteger),
    Column("excused", Integer, nullable=False),
)
