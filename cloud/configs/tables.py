"""The table of configurations. It only grows; the highest version of a node is the one in force."""

from sqlalchemy import BigInteger, Column, Table, Text

from cloud.database import metadata

# `body`: the JSON of the node's configuration as it is signed, with the same `version`, which is the registry's when
# it was given. `at`: when (ms). `who`: an account's name, "registration" or "system"; `reason`: why, as they said.
node_config = Table(
    "node_config",
    metadata,
    Column("node", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("body", Text, nullable=False),
)
