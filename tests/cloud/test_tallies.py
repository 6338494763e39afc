"""Tallies by minute, day, township and city are the same ratings, summed another way."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from cloud.calendar import Calendar
from cloud.ledger.cells import BITS, ONE, counts_of, number_of, rated
from cloud.tallies.rules import city_rows, day_rows, minute_rows, township_rows

NIGHT = 29_921_280  # 00:00 of 22 November 2026 in Heze, in minutes since 1970 UTC
WINDOWS = ("371721121-a1/01", "371721121-a1/02")
ratings = st.lists(
    st.tuples(st.sampled_from(WINDOWS), st.integers(NIGHT - 1500, NIGHT + 1500), st.integers(0, 2)), max_size=80
)


@given(ratings, st.sampled_from(["Asia/Shanghai", "Asia/Kathmandu", "America/New_York"]))
def test_minutes_days_townships_and_city_agree_with_a_naive_count(drawn: list[tuple[str, int, int]], zone: str) -> None:
    cells: dict[tuple[str, int], int] = {}
    for window, minute, level in drawn:
        cells[window, minute] = cells.get((window, minute), 0) + ONE[3 - level]

    def spread(rows: Iterable[tuple[Any, ...]], names: int) -> Counter[tuple[Any, ...]]:
        return Counter({(*row[:names], level): row[level - 3] for row in rows for level in range(3) if row[level - 3]})

    def day(minute: int) -> str:
        return datetime.fromtimestamp(minute * 60, UTC).astimezone(ZoneInfo(zone)).date().isoformat()

    def hour(minute: int) -> int:
        return minute - datetime.fromtimestamp(minute * 60, UTC).astimezone(ZoneInfo(zone)).minute

    by_minute = [(minute, window, *rest) for minute, window, _, *rest in minute_rows(cells, "button")]
    by_day = [(when, window, *rest) for when, window, _, *rest in day_rows(cells, "button", Calendar(zone).day)]
    whole = [(minute, *rest) for minute, _, *rest in city_rows(cells, "button")]
    by_township = [(start, *rest) for start, _, _, *rest in township_rows(cells, "button", Calendar(zone).hour)]
    assert spread(by_minute, 2) == Counter((minute, window, level) for window, minute, level in drawn)
    assert spread(by_day, 2) == Counter((day(minute), window, level) for window, minute, level in drawn)
    assert spread(by_township, 1) == Counter((hour(minute), level) for _, minute, level in drawn)
    assert spread(whole, 1) == Counter((minute, level) for _, minute, level in drawn)


def test_rows_stand_in_the_order_of_their_table() -> None:
    cells = {(WINDOWS[1], NIGHT): ONE[3], (WINDOWS[0], NIGHT): ONE[2], (WINDOWS[1], NIGHT - 1): ONE[1]}

    assert minute_rows(cells, "button") == [
        (NIGHT - 1, WINDOWS[1], "button", 0, 0, 1),
        (NIGHT, WINDOWS[0], "button", 0, 1, 0),
        (NIGHT, WINDOWS[1], "button", 1, 0, 0),
    ]


triples = st.tuples(*[st.integers(0, 2**BITS - 1)] * 3)


@given(st.lists(triples, min_size=1, max_size=20))
def test_packed_counts_add_up_as_the_counts_do(drawn: list[tuple[int, int, int]]) -> None:
    few = [(a >> 5, b >> 5, c) for a, b, c in drawn]  # twenty of the largest would leave their field
    cells = {("", number): number_of(n) for number, n in enumerate(few)}

    assert [counts_of(n) for n in cells.values()] == few
    assert counts_of(sum(cells.values())) == tuple(map(sum, zip(*few, strict=True)))
    assert rated(cells) == sum(map(sum, few))
