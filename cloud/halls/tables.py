"""The city's own text for its halls."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from cloud.database import metadata

# One row. `version` rises with every paper that is new; `edition` is the version at which `body` was put, which is
# what the city wrote (`cloud.halls.document`), as JSON; "" before it wrote anything.
hall_head = Table(
    "hall_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("edition", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)
