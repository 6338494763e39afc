"""From counted minutes to the rows of the tallies. Pure."""

from collections.abc import Callable, Mapping, Sequence

from cloud.ledger.rules import MINUTE_MS

Count = tuple[int, int, int]
Row = tuple[int | str, str, str, int, int, int]
CityRow = tuple[int, str, int, int, int]


def minute_rows(cells: Mapping[tuple[str, int], Sequence[int]], channel: str) -> list[Row]:
    """The rows (minute, window, channel, satisfied, basic, dissatisfied) to add, in the order of the table."""
    return sorted((minute, window, channel, c[0], c[1], c[2]) for (window, minute), c in cells.items())


def city_rows(cells: Mapping[tuple[str, int], Sequence[int]], channel: str) -> list[CityRow]:
    """The rows (minute, channel, satisfied, basic, dissatisfied) to add."""
    sums: dict[int, list[int]] = {}
    for (_, minute), count in cells.items():
        total = sums.setdefault(minute, [0, 0, 0])
        for level, number in enumerate(count):
            total[level] += number
    return sorted((minute, channel, c[0], c[1], c[2]) for minute, c in sums.items())


def day_rows(cells: Mapping[tuple[str, int], Sequence[int]], channel: str, day: Callable[[int], str]) -> list[Row]:
    """The rows (day, window, channel, ...) to add; `day` names the day that a moment (ms) falls on."""
    days: dict[int, str] = {}
    sums: dict[tuple[str, str], list[int]] = {}
    for (window, minute), count in cells.items():
        name = days.get(minute)
        if name is None:
            name = days[minute] = day(minute * MINUTE_MS)
        total = sums.get((name, window))
        if total is None:
            sums[name, window] = list(count)
        else:
            for level, number in enumerate(count):
                total[level] += number
    return sorted((name, window, channel, c[0], c[1], c[2]) for (name, window), c in sums.items())
