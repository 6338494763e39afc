"""The registry in a ledger file: which counties, townships and windows there were, and what they are called."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from proof.span import Bounds, Span, spans
from proof.units import CITY, Kind, Unit

_PLACES = "SELECT code, zh, en, valid_from, valid_to FROM {} WHERE valid_from < :behind ORDER BY code, valid_from"
# Windows have no name but their own.
_WINDOWS = """
SELECT id, id, id, valid_from, valid_to FROM "window" WHERE valid_from < :behind ORDER BY id, valid_from
"""
# By kind, what `units_of` is to be told; the city asks its own database the same.
QUERIES = {
    Kind.COUNTY: _PLACES.format("county"),
    Kind.TOWNSHIP: _PLACES.format("township"),
    Kind.WINDOW: _WINDOWS,
}
# code, name in Chinese, name in English, valid from, valid until before
Row = tuple[str, str, str, int, int | None]


def units(connection: sqlite3.Connection, bounds: Bounds) -> Iterator[Unit]:
    """Every unit that there was before the period ended, the city first; those that are gone too, and say so."""
    yield city()
    for kind, query in QUERIES.items():
        yield from units_of(kind, connection.execute(query, {"behind": bounds.behind}), bounds)


def city() -> Unit:
    """The city, which the registry does not name."""
    return Unit(Kind.CITY, CITY, "全市", "City")


def units_of(kind: Kind, rows: Iterable[Row], bounds: Bounds) -> Iterator[Unit]:
    """The units in the registry's `rows` of one `kind`, which stand in the order of its query."""
    for _, some in groupby(rows, key=itemgetter(0)):
        yield _unit(kind, list(some), bounds)


def _unit(kind: Kind, rows: Sequence[Row], bounds: Bounds) -> Unit:
    """The unit of the registry's `rows`, the newest last: it is called as it was at the end."""
    code, zh, en, _, _ = rows[-1]
    ends = [until for *_, until in rows]
    last = None if None in ends else max(until for until in ends if until is not None)
    if last is not None and last <= bounds.begin:
        return Unit(kind, code, zh, en, (Span(None, bounds.day(last - 1)),), gone=True)
    return Unit(kind, code, zh, en, spans([row[3:] for row in rows], bounds))
