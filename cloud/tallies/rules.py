"""From counted minutes to the rows of the tallies. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from cloud.ledger.rules import MINUTE_MS
from contract.identity import township_of

Count = tuple[int, int, int]
Row = tuple[int | str, str, str, int, int, int]
Span = TypeVar("Span", int, str)
CityRow = tuple[int, str, int, int, int]


def minute_rows(cells: Mapping[tuple[str, int], Sequence[int]], channel: str) -> list[Row]:
    """The rows (minute, window, channel, satisfied, basic, dissatisfied) to add, in the order of the table."""
    return sorted((minute, window, channel, c[0], c[1], c[2]) for (window, minute), c in cells.items())


def city_rows(cells: Mapping[tuple[str, int], Sequence[int]], channel: str) -> list[CityRow]:
    """The rows (minute, channel, satisfied, basic, dissatisfied) to add."""
    sums: dict[int, list[int]] = {}
    for (_, minute), count in cells.items():
        total = sums.get(minute)
        if total is None:
            sums[minute] = list(count)
        else:
            _add(total, count)
    return sorted((minute, channel, c[0], c[1], c[2]) for minute, c in sums.items())


def day_rows(cells: Mapping[tuple[str, int], Sequence[int]], channel: str, day: Callable[[int], str]) -> list[Row]:
    """The rows (day, window, channel, ...) to add; `day` names the day that a moment (ms) falls on."""
    return _by_span(cells, channel, day, lambda window: window)


def township_rows(
    cells: Mapping[tuple[str, int], Sequence[int]], channel: str, hour: Callable[[int], int]
) -> list[Row]:
    """The rows (hour, township, channel, ...) to add.

    `hour` tells when the hour begins (ms) that a moment (ms) falls in; the row has the minute number of that.
    """
    return _by_span(cells, channel, lambda at: hour(at) // MINUTE_MS, township_of)


def _add(total: list[int], count: Sequence[int]) -> None:
    """Written out: after an outage nearly every rating is a cell of its own, and a loop took as long as the rest."""
    total[0] += count[0]
    total[1] += count[1]
    total[2] += count[2]


def _by_span(
    cells: Mapping[tuple[str, int], Sequence[int]],
    channel: str,
    span: Callable[[int], Span],
    place: Callable[[str], str],
) -> list[Row]:
    spans: dict[int, Span] = {}
    sums: dict[tuple[Span, str], list[int]] = {}
    for (window, minute), count in cells.items():
        name = spans.get(minute)
        if name is None:
            name = spans[minute] = span(minute * MINUTE_MS)
        key = (name, place(window))
        total = sums.get(key)
        if total is None:
            sums[key] = list(count)
        else:
            _add(total, count)
    return sorted((name, where, channel, c[0], c[1], c[2]) for (name, where), c in sums.items())
