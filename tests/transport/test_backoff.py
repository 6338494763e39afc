"""Delays grow to their bound, are drawn from the whole interval, and begin small again after a good connection."""

from hypothesis import given
from hypothesis import strategies as st

from transport.backoff import FIRST_CEILING_S, LAST_CEILING_S, STEADY_S, Backoff


def highest(_lo: float, hi: float) -> float:
    return hi


def test_the_ceiling_doubles_up_to_two_minutes() -> None:
    backoff = Backoff(highest)

    assert [backoff.next_s() for _ in range(10)] == [1, 2, 4, 8, 16, 32, 64, 120, 120, 120]


def test_the_nodes_of_a_cluster_are_tried_in_turn_before_the_waits_grow() -> None:
    backoff = Backoff(highest, tries=3)

    assert [backoff.next_s() for _ in range(7)] == [1, 1, 1, 2, 2, 2, 4]
    backoff.lasted(STEADY_S)
    assert [backoff.next_s() for _ in range(4)] == [1, 1, 1, 2]
    pair = Backoff(highest, tries=2)
    assert [pair.next_s() for _ in range(5)] == [1, 1, 2, 2, 4]


def test_the_draw_is_from_nothing_to_the_ceiling() -> None:
    asked: list[tuple[float, float]] = []

    def draw(lo: float, hi: float) -> float:
        asked.append((lo, hi))
        return 0.25

    backoff = Backoff(draw, first_s=3.0, last_s=5.0)

    assert [backoff.next_s() for _ in range(3)] == [0.25, 0.25, 0.25]
    assert asked == [(0.0, 3.0), (0.0, 5.0), (0.0, 5.0)]


def test_after_a_steady_connection_it_begins_small_again() -> None:
    backoff = Backoff(highest)
    for _ in range(9):
        backoff.next_s()

    backoff.lasted(STEADY_S)

    assert backoff.next_s() == FIRST_CEILING_S


def test_a_short_outage_early_on_does_not_count_against_a_connection() -> None:
    backoff = Backoff(highest)
    backoff.next_s()

    backoff.lasted(2.0)

    assert backoff.next_s() == FIRST_CEILING_S


@given(st.lists(st.floats(0, 0.5), max_size=50))
def test_two_under_one_name_who_throw_each_other_out_slow_down(lives: list[float]) -> None:
    backoff = Backoff(highest)
    waits = []
    for life in lives:
        backoff.lasted(life)
        waits.append(backoff.next_s())

    assert waits == sorted(waits)
    assert all(wait == min(LAST_CEILING_S, 2.0**place) for place, wait in enumerate(waits))
