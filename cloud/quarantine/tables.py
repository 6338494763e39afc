"""The quarantine's table."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from cloud.database import metadata

# `at` and `last_at`: city time of the first and the latest of `count` like inputs within the `hour`, ms. `raw` is cut
# at 256 KiB, and only the newest rows have it.
quarantine = Table(
    "quarantine",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("hour", Integer, nullable=False),
    Column("township", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("node", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("raw", LargeBinary),
    Column("count", BigInteger, nullable=False),
    UniqueConstraint("hour", "township", "reason", "digest"),
)
Index(
    "quarantine_bytes",
    quarantine.c.id,
    sqlite_where=quarantine.c.raw.is_not(None),
    postgresql_where=quarantine.c.raw.is_not(None),
)
