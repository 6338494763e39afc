"""The registry in a ledger file: which counties, townships and windows there were, and what they are called."""

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from proof.span import Bounds, Span, spans
from proof.units import CITY, Kind, Unit

_PLACES = "SELECT code, zh, en, valid_from, valid_to FROM {} WHERE valid_from < ? ORDER BY code, valid_from"
# Windows have no name but their own.
_WINDOWS = "SELECT id, id, id, valid_from, valid_to FROM window WHERE valid_from < ? ORDER BY id, valid_from"
_QUERIES = {
    Kind.COUNTY: _PLACES.format("county"),
    Kind.TOWNSHIP: _PLACES.format("township"),
    Kind.WINDOW: _WINDOWS,
}
# code, name in Chinese, name in English, valid from, valid until before
_Row = tuple[str, str, str, int, int | None]


def units(connection: sqlite3.Connection, bounds: Bounds) -> Iterator[Unit]:
    """Every unit that there was before the period ended, the city first; those that are gone too, and say so."""
    yield Unit(Kind.CITY, CITY, "全市", "City")
    for kind, query in _QUERIES.items():
        for _, rows in groupby(connection.execute(query, (bounds.behind,)), key=itemgetter(0)):
            yield _unit(kind, list(rows), bounds)


def _unit(kind: Kind, rows: list[_Row], bounds: Bounds) -> Unit:
    """The unit of the registry's `rows`, the newest last: it is called as it was at the end."""
    code, zh, en, _, _ = rows[-1]
    ends = [until for *_, until in rows]
    last = None if None in ends else max(until for until in ends if until is not None)
    if last is not None and last <= bounds.begin:
        return Unit(kind, code, zh, en, (Span(None, bounds.day(last - 1)),), gone=True)
    return Unit(kind, code, zh, en, spans([row[3:] for row in rows], bounds))
