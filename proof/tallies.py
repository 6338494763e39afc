"""Recounting the tallies from the ledger, to compare them with what the city keeps."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from contract.identity import township_of
from proof.ledger import Rating, connect, read

MINUTE_MS = 60_000
Counts = dict[tuple[str, str], list[int]]

BY_MINUTE = 'SELECT minute, "window", satisfied, basic, dissatisfied FROM tally_minute WHERE channel = ?'
BY_DAY = 'SELECT day, "window", satisfied, basic, dissatisfied FROM tally_day WHERE channel = ?'
CITY = "city"
BY_CITY = f"SELECT minute, '{CITY}', satisfied, basic, dissatisfied FROM tally_city WHERE channel = ?"  # noqa: S608
BY_TOWNSHIP = "SELECT hour, township, satisfied, basic, dissatisfied FROM tally_township WHERE channel = ?"
BY_WINDOW = """
SELECT "window", sum(satisfied), sum(basic), sum(dissatisfied) FROM tally_day
WHERE channel = ? AND day BETWEEN ? AND ? GROUP BY "window"
"""
BY_ESTIMATED = 'SELECT minute, "window", ratings FROM tally_estimated WHERE channel = ?'
BUTTON = "button"


def by_minute(ratings: Iterable[Rating]) -> Counts:
    """[satisfied, basic, dissatisfied] of the counted `ratings` by (minute number as text, window)."""
    counts: Counts = {}
    for rating in ratings:
        if rating.counted:
            counts.setdefault((str(rating.at // MINUTE_MS), rating.window), [0, 0, 0])[3 - rating.level] += 1
    return counts


def by_estimated(ratings: Iterable[Rating]) -> Counts:
    """[how many] of the counted `ratings` stand by an estimate of their time in (minute number as text, window)."""
    counts: Counts = {}
    for rating in ratings:
        if rating.counted and rating.bounds is not None:
            counts.setdefault((str(rating.at // MINUTE_MS), rating.window), [0])[0] += 1
    return counts


def by_day(ratings: Iterable[Rating], zone: ZoneInfo) -> Counts:
    """[satisfied, basic, dissatisfied] of the counted `ratings` by (ISO day in `zone`, window)."""
    counts: Counts = {}
    for rating in ratings:
        if rating.counted:
            day = datetime.fromtimestamp(rating.at // 1000, UTC).astimezone(zone).date().isoformat()
            counts.setdefault((day, rating.window), [0, 0, 0])[3 - rating.level] += 1
    return counts


def of_city(minutes: Counts) -> Counts:
    """The counts of all windows together by (minute number as text, "city")."""
    counts: Counts = {}
    for (minute, _), count in minutes.items():
        whole = counts.setdefault((minute, CITY), [0, 0, 0])
        for level, number in enumerate(count):
            whole[level] += number
    return counts


def by_township(minutes: Counts, zone: ZoneInfo) -> Counts:
    """The counts by (number of the minute at which the hour begins in `zone`, as text, township)."""
    counts: Counts = {}
    for (minute, window), count in minutes.items():
        local = datetime.fromtimestamp(int(minute) * 60, UTC).astimezone(zone)
        whole = counts.setdefault((str(int(minute) - local.minute), township_of(window)), [0, 0, 0])
        for level, number in enumerate(count):
            whole[level] += number
    return counts


def stored(path: Path, query: str) -> Counts:
    """What the city keeps in the file at `path`: the answer to `BY_MINUTE`, `BY_DAY`, `BY_CITY` and so on."""
    with closing(connect(path)) as connection:
        return {(str(when), str(window)): list(count) for when, window, *count in connection.execute(query, (BUTTON,))}


def by_window(connection: sqlite3.Connection, first: date, last: date) -> dict[str, tuple[int, int, int]]:
    """By window, what the city keeps of its days from `first` to `last`: (satisfied, basic, dissatisfied)."""
    rows = connection.execute(BY_WINDOW, (BUTTON, first.isoformat(), last.isoformat()))
    return {str(window): (satisfied, basic, dissatisfied) for window, satisfied, basic, dissatisfied in rows}


def differences(path: Path, zone: ZoneInfo) -> list[str]:
    """One line for each tally in the file at `path` that does not follow from its ledger; empty when all do."""
    ratings = list(read(path))
    found: list[str] = []
    minutes = by_minute(ratings)
    for query, recounted in (
        (BY_MINUTE, minutes),
        (BY_DAY, by_day(ratings, zone)),
        (BY_TOWNSHIP, by_township(minutes, zone)),
        (BY_CITY, of_city(minutes)),
        (BY_ESTIMATED, by_estimated(ratings)),
    ):
        kept = stored(path, query)
        found.extend(
            f"{window} at {when}: tally {kept.get((when, window))}, ledger {recounted.get((when, window))}"
            for when, window in sorted(kept.keys() | recounted.keys())
            if kept.get((when, window)) != recounted.get((when, window))
        )
    return found
