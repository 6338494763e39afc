"""Where the series is not what the ledger says: which days are looked at closely, and which points differ. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from cloud.calendar import Calendar
from cloud.series.lines import DAY_MS, Point, TagSet

Values = tuple[int | None, ...]
# Which point: its tags and ns.
Key = tuple[TagSet, int]
# Points; a value that a point has not is None.
Sheet = dict[Key, Values]
# Count, and sums of the fields, by tags and ISO day.
Cells = dict[tuple[TagSet, str], tuple[int, ...]]
# Some 100 MB.
POINTS_AT_ONCE = 200_000


class Difference(NamedTuple):
    """What is `missing` and what is `altered`, both as they should be, and what is `foreign`, by tags and ns."""

    missing: list[Point]
    altered: list[Point]
    foreign: list[Key]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.missing or self.altered or self.foreign)


def difference(expected: Iterable[Point], actual: Sheet) -> Difference:
    """Compare `actual` with all the points that are expected in the same places and times."""
    found = Difference([], [], [])
    known = set()
    for point in expected:
        key = (point.tags, point.stamp)
        known.add(key)
        values = actual.get(key)
        if values is None:
            found.missing.append(point)
        elif values != point.values:
            found.altered.append(point)
    found.foreign.extend(key for key in actual if key not in known)
    return found


def add(cells: Cells, points: Iterable[Point], day: str) -> None:
    """Count `points`, all of one `day`, into `cells`."""
    for tags, _, (n, presses, seq) in points:
        before = cells.get((tags, day), (0, 0, 0, 0))
        cells[tags, day] = (before[0] + 1, before[1] + n, before[2] + presses, before[3] + seq)


def suspects(expected: Cells, actual: Cells, *, all_: bool) -> dict[str, int]:
    """Return the days with cells that differ (`all_`: every day), with how many points each has at most."""
    sizes: dict[str, int] = {}
    for cells in (expected, actual):
        here: dict[str, int] = {}
        for (_, day), (count, *_sums) in cells.items():
            here[day] = here.get(day, 0) + count
        for day, count in here.items():
            sizes[day] = max(sizes.get(day, 0), count)
    differing = {
        day for tags, day in expected.keys() | actual.keys() if expected.get((tags, day)) != actual.get((tags, day))
    }
    return {day: sizes[day] for day in sorted(sizes) if all_ or day in differing}


def groups(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Yield the days of `sizes` in groups of about `POINTS_AT_ONCE` points."""
    group: list[str] = []
    size = 0
    for day, count in sizes.items():
        if group and size + count > POINTS_AT_ONCE:
            yield group
            group, size = [], 0
        group.append(day)
        size += count
    if group:
        yield group


def runs(days: Sequence[str], calendar: Calendar, most: int) -> Iterator[tuple[int, int]]:
    """Yield from when to before when (ms) up to `most` consecutive `days` run that are all as long as the first.

    Where clocks are changed a day is 23 or 25 hours long, and is a run of its own.
    """
    bounds = [calendar.start(day) for day in days]
    if not days:
        return
    bounds.append(calendar.end(days[-1]))
    begin = end = bounds[0]
    for start, stop in pairwise(bounds):
        usual = stop - start == DAY_MS and end - begin < most * DAY_MS
        if end > begin and not (usual and (end - begin) % DAY_MS == 0):
            yield begin, end
            begin = start
        end = stop
    yield begin, end
