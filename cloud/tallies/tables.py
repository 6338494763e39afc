"""The tallies' tables."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from cloud.database import metadata

# `minute`: milliseconds since 1970 UTC // 60000.
tally_minute = Table(
    "tally_minute",
    metadata,
    Column("minute", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("window", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("satisfied", BigInteger, nullable=False),
    Column("basic", BigInteger, nullable=False),
    Column("dissatisfied", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# `day`: ISO text, in the city's zone.
tally_day = Table(
    "tally_day",
    metadata,
    Column("day", Text, primary_key=True),
    Column("window", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("satisfied", BigInteger, nullable=False),
    Column("basic", BigInteger, nullable=False),
    Column("dissatisfied", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# How many of a minute's ratings stand there by an estimate of their time: few, so the table is small.
tally_estimated = Table(
    "tally_estimated",
    metadata,
    Column("minute", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("window", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("ratings", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# The whole city by minute: half a million rows a year, so that neither the total ever nor the wall's trends need read
# the windows' own tallies.
tally_city = Table(
    "tally_city",
    metadata,
    Column("minute", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("channel", Text, primary_key=True),
    Column("satisfied", BigInteger, nullable=False),
    Column("basic", BigInteger, nullable=False),
    Column("dissatisfied", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Each township by hour: a month of the city's hours is some hundred thousand rows, whatever was rated. `hour` is the
# minute number at which the hour begins, in the city's zone.
tally_township = Table(
    "tally_township",
    metadata,
    Column("hour", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("township", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("satisfied", BigInteger, nullable=False),
    Column("basic", BigInteger, nullable=False),
    Column("dissatisfied", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
