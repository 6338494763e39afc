"""The table of turns. A row that ends when it begins was taken back."""

from sqlalchemy import BigInteger, Column, Table, Text

from cloud.database import metadata

turn = Table(
    "turn",
    metadata,
    Column("place", Text, primary_key=True),
    Column("valid_from", BigInteger, primary_key=True, autoincrement=False),
    Column("valid_to", BigInteger),
    Column("a", Text, nullable=False),
    Column("b", Text),
)
