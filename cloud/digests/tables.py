"""Which digest of each kind went out last; `first` is its first day, ISO text."""

from sqlalchemy import Column, Table, Text

from cloud.database import metadata

digest_head = Table(
    "digest_head",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("first", Text, nullable=False),
)
