"""The registry in a ledger file: which counties, townships and windows there were, and what they are called."""

import sqlite3
from collections.abc import Iterator

from proof.units import CITY, Kind, Unit, window

# What was valid at any time of a span; of a place that was renamed meanwhile, the newest name.
_PLACES = """
SELECT code, zh, en FROM {table} WHERE valid_from < :behind AND (valid_to IS NULL OR valid_to > :begin)
ORDER BY code, valid_from
"""
_WINDOWS = "SELECT DISTINCT id FROM window WHERE valid_from < :behind AND (valid_to IS NULL OR valid_to > :begin)"


def units(connection: sqlite3.Connection, begin: int, behind: int) -> Iterator[Unit]:
    """Every unit that was valid at some time from `begin` to before `behind` (ms since 1970 UTC), the city first."""
    yield Unit(Kind.CITY, CITY, "全市", "City")
    span = {"begin": begin, "behind": behind}
    for kind in (Kind.COUNTY, Kind.TOWNSHIP):
        newest = {
            code: Unit(kind, code, zh, en) for code, zh, en in connection.execute(_PLACES.format(table=kind), span)
        }
        yield from newest.values()
    for (code,) in connection.execute(_WINDOWS, span):
        yield window(code)
