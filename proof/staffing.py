"""Offices and people on duty in a ledger file: who there was, and the ratings of the windows while they were theirs."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter

from proof.scores import Counts, plus
from proof.span import Bounds, spans
from proof.tallies import BUTTON
from proof.tenure import parts
from proof.units import NONE, Kind, Unit

# A row that ends when it begins was taken back.
_TENURES = """
SELECT code, zh, en, "window", max(valid_from, :begin), min(coalesce(valid_to, :behind), :behind)
FROM {held} JOIN {named} ON code = {named}
WHERE valid_from < :behind AND coalesce(valid_to, :behind) > max(valid_from, :begin) ORDER BY code, valid_from
"""
_QUERIES = {
    Kind.OFFICE: _TENURES.format(held="office_window", named="office"),
    Kind.PERSON: _TENURES.format(held="duty", named="person"),
}
_DAYS = """
SELECT total(satisfied), total(basic), total(dissatisfied) FROM tally_day
WHERE day IN (SELECT value FROM json_each(:days)) AND "window" = :window AND channel = :channel
"""
# By way of the city's minutes, so that nothing is looked for in those in which nobody at all rated. CROSS JOIN: SQLite
# keeps this order.
_MINUTES = """
SELECT total(own.satisfied), total(own.basic), total(own.dissatisfied) FROM tally_city AS city CROSS JOIN
    tally_minute AS own ON own.minute = city.minute AND own."window" = :window AND own.channel = city.channel
WHERE city.channel = :channel AND city.minute >= :first AND city.minute < :behind
"""
# A window, and from when to before when it was somebody's in the period, ms since 1970 UTC.
_Held = tuple[str, int, int]


def staffed(
    connection: sqlite3.Connection, bounds: Bounds, windows: Mapping[str, Counts]
) -> Iterator[tuple[Unit, Counts]]:
    """Each office and person who had a window at some time of the period, by code, with its ratings.

    `windows`: the period's ratings of each window. Those of a minute are whose the window was then, or nobody's. A unit
    has one span: who comes to work every morning neither begins nor ends.
    """
    for kind, query in _QUERIES.items():
        rows = connection.execute(query, {"begin": bounds.begin, "behind": bounds.behind})
        for (code, zh, en), some in groupby(rows, key=itemgetter(0, 1, 2)):
            held = [row[3:] for row in some]
            span = min(begin for _, begin, _ in held), max(end for *_, end in held)
            yield Unit(kind, code, zh, en, spans([span], bounds)), _counts(connection, held, bounds, windows)


def _counts(
    connection: sqlite3.Connection, held: Iterable[_Held], bounds: Bounds, windows: Mapping[str, Counts]
) -> Counts:
    counts = NONE
    for window, begin, end in held:
        if (begin, end) == (bounds.begin, bounds.behind):
            counts = plus(counts, windows.get(window, NONE))
        else:
            counts = plus(counts, _of_part(connection, window, begin, end, bounds))
    return counts


def _of_part(connection: sqlite3.Connection, window: str, begin: int, end: int, bounds: Bounds) -> Counts:
    found = parts(begin, end, bounds)
    common = {"window": window, "channel": BUTTON}
    counts = _row(connection, _DAYS, {**common, "days": json.dumps([day.isoformat() for day in found.days])})
    for first, behind in found.minutes:
        counts = plus(counts, _row(connection, _MINUTES, {**common, "first": first, "behind": behind}))
    return counts


def _row(connection: sqlite3.Connection, query: str, asked: Mapping[str, object]) -> Counts:
    satisfied, basic, dissatisfied = map(int, connection.execute(query, asked).fetchone())
    return satisfied, basic, dissatisfied
