"""Recounting the tallies from the ledger, to compare them with what the city keeps."""

from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from proof.ledger import Rating, connect, read

MINUTE_MS = 60_000
Counts = dict[tuple[str, str], list[int]]

BY_MINUTE = 'SELECT minute, "window", satisfied, basic, dissatisfied FROM tally_minute WHERE channel = ?'
BY_DAY = 'SELECT day, "window", satisfied, basic, dissatisfied FROM tally_day WHERE channel = ?'
BUTTON = "button"


def by_minute(ratings: Iterable[Rating]) -> Counts:
    """[satisfied, basic, dissatisfied] of the counted `ratings` by (minute number as text, window)."""
    counts: Counts = {}
    for rating in ratings:
        if rating.counted:
            counts.setdefault((str(rating.at // MINUTE_MS), rating.window), [0, 0, 0])[3 - rating.level] += 1
    return counts


def by_day(ratings: Iterable[Rating], zone: ZoneInfo) -> Counts:
    """[satisfied, basic, dissatisfied] of the counted `ratings` by (ISO day in `zone`, window)."""
    counts: Counts = {}
    for rating in ratings:
        if rating.counted:
            day = datetime.fromtimestamp(rating.at // 1000, UTC).astimezone(zone).date().isoformat()
            counts.setdefault((day, rating.window), [0, 0, 0])[3 - rating.level] += 1
    return counts


def stored(path: Path, query: str) -> Counts:
    """What the city keeps in the file at `path`: the answer to `BY_MINUTE` or `BY_DAY`."""
    with closing(connect(path)) as connection:
        return {(str(when), str(window)): list(count) for when, window, *count in connection.execute(query, (BUTTON,))}


def differences(path: Path, zone: ZoneInfo) -> list[str]:
    """One line for each tally in the file at `path` that does not follow from its ledger; empty when all do."""
    ratings = list(read(path))
    found: list[str] = []
    for query, recounted in ((BY_MINUTE, by_minute(ratings)), (BY_DAY, by_day(ratings, zone))):
        kept = stored(path, query)
        found.extend(
            f"{window} at {when}: tally {kept.get((when, window))}, ledger {recounted.get((when, window))}"
            for when, window in sorted(kept.keys() | recounted.keys())
            if kept.get((when, window)) != recounted.get((when, window))
        )
    return found
