"""The ranking of low windows against sorting everything."""

import time

from hypothesis import given
from hypothesis import strategies as st

from cloud.board.lowest import Lowest
from proof.scores import Counts, interval, mean

COUNTS = st.tuples(*[st.integers(0, 40)] * 3)


@given(st.lists(st.tuples(st.integers(0, 12).map("w{:02}".format), COUNTS)), st.integers(1, 6), st.integers(1, 30))
def test_the_lowest_are_those_a_full_sort_finds(changes: list[tuple[str, Counts]], most: int, least: int) -> None:
    lowest = Lowest(least)
    counts: dict[str, Counts] = {}
    for window, n in changes:
        lowest.put(window, n)
        counts[window] = n
        enough = [(interval(n).high, mean(n), window) for window, n in counts.items() if sum(n) >= least]
        assert [window for window, _ in lowest.pick(most)] == [window for _, _, window in sorted(enough)[:most]]
    lowest.clear()
    assert lowest.pick(most) == []


def test_a_lucky_few_do_not_outrank_a_surely_low_window() -> None:
    lowest = Lowest(20)
    lowest.put("few", (10, 0, 10))
    lowest.put("many", (550, 0, 450))
    lowest.put("too-few", (0, 0, 19))
    assert [window for window, _ in lowest.pick(5)] == ["many", "few"]


def test_a_change_costs_a_fraction_of_ranking_all() -> None:
    lowest = Lowest(20)
    for number in range(10_000):
        lowest.put(f"{number:05}", (80 + number % 19, number % 7, number % 5))
    began = time.perf_counter()
    lowest.pick(5)
    whole = time.perf_counter() - began
    began = time.perf_counter()
    for number in range(0, 10_000, 100):
        lowest.put(f"{number:05}", (81 + number % 19, number % 7, number % 5))
    lowest.pick(5)
    # Side by side: a hundredth of the windows changed.
    assert time.perf_counter() - began < whole
