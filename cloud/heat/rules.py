"""From counts by hour to a week of hours. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cloud.calendar import MINUTE_MS, Calendar
from proof.scores import BINS, Counts, colour_bin, percent, plus

WEEKS = (4, 13, 52)
_DAY = len("2026-11-22 ")
# What is shown in any case, that an office's day is seen to be empty.
_FIRST, _LAST = 9, 17


class Spot(NamedTuple):
    """A weekday's hour: how many ratings, and score and colour where they are enough (None: they are few)."""

    ratings: int
    score: float | None
    bin: int | None


def week(hours: Mapping[int, Counts], calendar: Calendar) -> dict[tuple[int, int], Counts]:
    """Counts by weekday (0: Monday) and hour of the day, of counts by the minute number at which an hour begins."""
    found: dict[tuple[int, int], Counts] = {}
    for minute, n in hours.items():
        shown = calendar.shown(minute * MINUTE_MS)
        key = calendar.weekday(shown[: _DAY - 1]), int(shown[_DAY : _DAY + 2])
        found[key] = plus(found.get(key, (0, 0, 0)), n)
    return found


def spot(n: Counts, least: int) -> Spot:
    """How a cell with `n` is shown; below `least` ratings with their count alone."""
    count = sum(n)
    score = percent(n) if count >= least else None
    return Spot(count, score, colour_bin(score, count, least=least, edges=BINS))


def hours_shown(keys: Iterable[tuple[int, int]]) -> list[int]:
    """From the first to the last hour of the day with a rating, and those of an office's day."""
    hours = {hour for _, hour in keys} | {_FIRST, _LAST}
    return list(range(min(hours), max(hours) + 1))
