"""The tallies' tables."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from cloud.database import metadata


def counted(name: str, *key: Column[Any], counts: Sequence[str] = ("satisfied", "basic", "dissatisfied")) -> Table:
    """A table of counts, by level if nothing else is said, for each `key`; all of it lies in the key's own tree."""
    what = (Column(count, BigInteger, nullable=False) for count in counts)
    return Table(name, metadata, *key, *what, sqlite_with_rowid=False)


def number(name: str) -> Column[int]:
    """A part of a key that is a whole number."""
    return Column(name, BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False)


def word(name: str) -> Column[str]:
    """A part of a key that is text."""
    return Column(name, Text, primary_key=True)


# `minute`: milliseconds since 1970 UTC // 60000.
tally_minute = counted("tally_minute", number("minute"), word("window"), word("channel"))

# `day`: ISO text, in the city's zone.
tally_day = counted("tally_day", word("day"), word("window"), word("channel"))

# How many of a minute's ratings stand there by an estimate of their time: few, so the table is small.
tally_estimated = counted("tally_estimated", number("minute"), word("window"), word("channel"), counts=("ratings",))

# The whole city by minute: half a million rows a year, so that neither the total ever nor the wall's trends need read
# the windows' own tallies.
tally_city = counted("tally_city", number("minute"), word("channel"))

# Each township by hour: a month of the city's hours is some hundred thousand rows, whatever was rated. `hour` is the
# minute number at which the hour begins, in the city's zone.
tally_township = counted("tally_township", number("hour"), word("township"), word("channel"))
