"""From counted minutes to the rows of the tallies. Pure.

The loops are written out, those of many rows down to the shifts of `counts_of`: each runs once for every cell.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

from cloud.ledger.cells import BITS, MASK, TWICE, Cells, by_minute, counts_of
from cloud.ledger.rules import MINUTE_MS
from contract.identity import township_of

Row = tuple[int | str, str, str, int, int, int]
Span = TypeVar("Span", int, str)
CityRow = tuple[int, str, int, int, int]


def minute_rows(cells: Cells, channel: str) -> list[Row]:
    """The rows (minute, window, channel, satisfied, basic, dissatisfied) to add, in the order of the table."""
    return sorted(
        [(minute, window, channel, n & MASK, n >> BITS & MASK, n >> TWICE) for (window, minute), n in cells.items()]
    )


def city_rows(cells: Cells, channel: str) -> list[CityRow]:
    """The rows (minute, channel, satisfied, basic, dissatisfied) to add."""
    return sorted([(minute, channel, *counts_of(n)) for minute, n in by_minute(cells).items()])


def day_rows(cells: Cells, channel: str, day: Callable[[int], str]) -> list[Row]:
    """The rows (day, window, channel, ...) to add; `day` names the day that a moment (ms) falls on."""
    days, of = _spans(cells, day)
    for (window, minute), n in cells.items():
        sums = of[minute]
        sums[window] = sums.get(window, 0) + n
    return _rows(days, channel)


def township_rows(cells: Cells, channel: str, hour: Callable[[int], int]) -> list[Row]:
    """The rows (hour, township, channel, ...) to add.

    `hour` tells when the hour begins (ms) that a moment (ms) falls in; the row has the minute number of that.
    """
    hours, of = _spans(cells, lambda at: hour(at) // MINUTE_MS)
    for (window, minute), n in cells.items():
        sums = of[minute]
        township = township_of(window)
        sums[township] = sums.get(township, 0) + n
    return _rows(hours, channel)


def _spans(cells: Cells, span: Callable[[int], Span]) -> tuple[dict[Span, dict[str, int]], dict[int, dict[str, int]]]:
    """Room for sums by place, of each span of time that `cells` lie in, and the same by minute."""
    spans: dict[Span, dict[str, int]] = {}
    return spans, {minute: spans.setdefault(span(minute * MINUTE_MS), {}) for minute in {minute for _, minute in cells}}


def _rows(spans: Mapping[Span, Mapping[str, int]], channel: str) -> list[Row]:
    rows: list[Row] = []
    for span, sums in spans.items():
        rows += [(span, place, channel, n & MASK, n >> BITS & MASK, n >> TWICE) for place, n in sums.items()]
    return sorted(rows)
