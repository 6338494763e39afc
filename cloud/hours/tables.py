"""The tables of opening hours. Days are ISO text in the city's zone; a row that ends on "" was taken back."""

from sqlalchemy import Column, Table, Text

from cloud.database import metadata

# The hours of `place` from `first` on; `body`: stretches of minutes by kind of day, as JSON.
office_hours = Table(
    "office_hours",
    metadata,
    Column("place", Text, primary_key=True),
    Column("first", Text, primary_key=True),
    Column("last", Text),
    Column("body", Text, nullable=False),
)

office_closure = Table(
    "office_closure",
    metadata,
    Column("place", Text, primary_key=True),
    Column("first", Text, primary_key=True),
    Column("last", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

# `kind`: working, rest, holiday, or published where it was taken back.
special_day = Table(
    "special_day",
    metadata,
    Column("day", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
