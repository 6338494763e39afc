"""The table of plans: what a file would change, as it was shown, and when it was done."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from cloud.database import metadata

# `at` (ms) and `who` made it; `file` is what the file was called, `sha256` of its bytes. `document`: the registration,
# as JSON; `version`: the registry's that it was compared with; `differences`: what was found, as JSON.
registry_plan = Table(
    "registry_plan",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("differences", Text, nullable=False),
    Column("added", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("same", Integer, nullable=False),
    Column("applied_at", BigInteger),
    Column("applied_by", Text),
)
