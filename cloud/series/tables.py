"""The tables behind a series that is kept elsewhere: how far it has been fed, and what it would not take."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from cloud.database import metadata

# One row: every ledger entry up to `position` is in the series.
series_cursor = Table(
    "series_cursor",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False),
)

# Points that the series refused, each as the line of line protocol that was sent; `at`: city time, ms.
series_reject = Table(
    "series_reject",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("line", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
