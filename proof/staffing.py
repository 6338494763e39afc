"""Offices and people on duty in a ledger file: who there was, and the ratings of the windows while they were theirs."""

import json
import sqlite3
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter

from contract.identity import BUTTON
from proof.scores import Counts, minus, plus
from proof.span import Bounds, spans
from proof.tenure import MINUTE_MS, parts
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
# Of each minute in which anybody at all rated, runs of windows are read, and those that are asked for kept. CROSS JOIN:
# SQLite keeps this order.
_MINUTES = """
WITH run AS MATERIALIZED (
    SELECT json_extract(value, '$[0]') AS first, json_extract(value, '$[1]') AS last FROM json_each(:runs)
)
SELECT own."window", sum(own.satisfied), sum(own.basic), sum(own.dissatisfied)
FROM tally_city AS city CROSS JOIN run CROSS JOIN tally_minute AS own
    ON own.minute = city.minute AND own."window" BETWEEN run.first AND run.last AND own.channel = city.channel
WHERE city.minute >= :first AND city.minute < :behind AND city.channel = :channel
    AND own."window" IN (SELECT value FROM json_each(:windows)) GROUP BY own."window"
"""
# What is upheld as misuse; little.
_UPHELD = """
SELECT "window", minute, satisfied, basic, dissatisfied FROM tally_upheld
WHERE minute >= :first AND minute < :behind AND channel = :channel
"""
# Looking a window up takes as long as reading past so many: of these only few are rated in any one minute.
_GAP = 40
# A window, and from when to before when it was somebody's in the period, ms since 1970 UTC.
_Held = tuple[str, int, int]


def staffed(
    connection: sqlite3.Connection, bounds: Bounds, windows: Mapping[str, Counts]
) -> Iterator[tuple[Unit, Counts, Counts]]:
    """Each office and person who had a window at some time of the period, by code: its ratings, and those taken out.

    `windows`: the period's ratings of each window, without what is upheld as misuse. Those of a minute are whose the
    window was then, or nobody's. A unit has one span: who comes to work every morning neither begins nor ends.
    """
    order, misuse = sorted(windows), _upheld(connection, bounds)
    for kind, query in _QUERIES.items():
        counts: dict[Unit, Counts] = {}
        upheld: dict[Unit, Counts] = {}
        # By stretch of minutes: its windows, and whose they were. Shifts mostly change at the same times.
        shifts: defaultdict[tuple[int, int], dict[str, Unit]] = defaultdict(dict)
        rows = connection.execute(query, {"begin": bounds.begin, "behind": bounds.behind})
        for (code, zh, en), some in groupby(rows, key=itemgetter(0, 1, 2)):
            held: list[_Held] = [row[3:] for row in some]
            span = min(begin for _, begin, _ in held), max(end for *_, end in held)
            unit = Unit(kind, code, zh, en, spans([span], bounds))
            counts[unit] = upheld[unit] = NONE
            for window, begin, end in held:
                taken = _within(misuse.get(window, ()), begin // MINUTE_MS, end // MINUTE_MS)
                upheld[unit] = plus(upheld[unit], taken)
                if (begin, end) == (bounds.begin, bounds.behind):
                    counts[unit] = plus(counts[unit], windows.get(window, NONE))
                    continue
                # What was counted by parts below holds what is upheld.
                counts[unit] = minus(counts[unit], taken)
                found = parts(begin, end, bounds)
                if found.days:
                    counts[unit] = plus(counts[unit], _of_days(connection, window, found.days))
                for stretch in found.minutes:
                    shifts[stretch][window] = unit
        for (first, behind), whose in shifts.items():
            for window, n in _of_minutes(connection, list(whose), order, first, behind):
                counts[whose[window]] = plus(counts[whose[window]], n)
        for unit, n in counts.items():
            yield unit, n, upheld[unit]


def _upheld(connection: sqlite3.Connection, bounds: Bounds) -> dict[str, list[tuple[int, Counts]]]:
    """By window, each minute of the period with ratings that are upheld as misuse, and these."""
    asked = {"channel": BUTTON, "first": bounds.begin // MINUTE_MS, "behind": bounds.behind // MINUTE_MS}
    found: defaultdict[str, list[tuple[int, Counts]]] = defaultdict(list)
    for window, minute, satisfied, basic, dissatisfied in connection.execute(_UPHELD, asked):
        found[window].append((minute, (satisfied, basic, dissatisfied)))
    return dict(found)


def _within(minutes: Iterable[tuple[int, Counts]], first: int, behind: int) -> Counts:
    """The ratings of those of `minutes` from `first` to before `behind`."""
    found = NONE
    for minute, n in minutes:
        if first <= minute < behind:
            found = plus(found, n)
    return found


def _of_days(connection: sqlite3.Connection, window: str, days: Iterable[date]) -> Counts:
    asked = {"window": window, "channel": BUTTON, "days": json.dumps([day.isoformat() for day in days])}
    satisfied, basic, dissatisfied = map(int, connection.execute(_DAYS, asked).fetchone())
    return satisfied, basic, dissatisfied


def _of_minutes(
    connection: sqlite3.Connection, windows: Sequence[str], order: Sequence[str], first: int, behind: int
) -> Iterator[tuple[str, Counts]]:
    """The ratings of each of `windows` from minute `first` to before `behind`, where it has any; `order` as `_runs`."""
    runs = _runs(windows, order)
    asked = {"windows": json.dumps(windows), "runs": json.dumps(runs)}
    for window, *n in connection.execute(_MINUTES, {**asked, "channel": BUTTON, "first": first, "behind": behind}):
        satisfied, basic, dissatisfied = n
        yield window, (satisfied, basic, dissatisfied)


def _runs(windows: Iterable[str], order: Sequence[str]) -> list[tuple[str, str]]:
    """The first and the last of each run of `windows` that stand near one another among all, which are in `order`.

    Those of one hall do: they have its node's name.
    """
    runs: list[tuple[str, str]] = []
    before = 0
    for window in sorted(windows):
        place = bisect_left(order, window)
        first = runs.pop()[0] if runs and place - before < _GAP else window
        runs.append((first, window))
        before = place
    return runs
