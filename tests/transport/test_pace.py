"""How patient a sender is, and how much it puts into one backlog payload."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transport.pace import ANSWER_S, LEAST_BYTES, LINE_S, Pace, Room

KB = 1024


def settled(size: int, took_s: float, line_s: float | None) -> int:
    """The size that a room comes to where payloads of any size take so long a KiB."""
    room = Room(16 * KB, 128 * KB)
    for _ in range(40):
        kib = room.size / KB
        room.answered(room.size, took_s * kib, None if line_s is None else line_s * kib)
    return room.size // size


def test_it_begins_as_told_and_doubles_at_most() -> None:
    room = Room(16 * KB, 128 * KB)
    assert room.size == 16 * KB
    for size in (32 * KB, 64 * KB, 128 * KB, 128 * KB):
        room.answered(room.size, 0.001, 0.001)
        assert room.size == size
    assert Room(16 * KB, 4 * KB).size == 4 * KB


def test_it_takes_a_quarter_of_a_second_of_the_line() -> None:
    # 8 KiB a second, as a telephone: 2 KiB. What the city adds to that makes no difference.
    assert settled(KB, 0.125 + 0.05, 0.125) == 2
    # Where nobody tells of the line, the answer stands for it.
    assert settled(KB, 0.125, None) == 2


def test_a_city_that_is_slow_to_answer_does_not_make_payloads_small() -> None:
    room = Room(16 * KB, 128 * KB)
    for _ in range(20):
        room.answered(room.size, 2.0, 0.005)  # whatever the size: a queue of others stands before it
    assert room.size == 128 * KB


def test_but_its_answer_shall_not_take_longer_than_some_seconds() -> None:
    room = Room(16 * KB, 128 * KB)
    room.answered(16 * KB, 4 * ANSWER_S, 0.005)
    assert room.size == 4 * KB


def test_it_follows_the_size_that_flew_and_no_time_at_all_is_a_millisecond() -> None:
    room = Room(16 * KB, 128 * KB)
    room.answered(4 * KB, 0.125, 0.125)
    assert room.size == 8 * KB
    room.answered(10, 0.0, 0.0)
    assert room.size == 2500
    room.answered(1, 0.0, 0.0)
    assert room.size == LEAST_BYTES


@given(
    flights=st.lists(st.tuples(st.integers(1, 10**6), st.floats(0, 1e4), st.none() | st.floats(0, 1e4)), max_size=20)
)
def test_it_stays_within_its_bounds(flights: list[tuple[int, float, float | None]]) -> None:
    room = Room(16 * KB, 128 * KB)
    for size, took_s, line_s in flights:
        before = room.size
        room.answered(size, took_s, line_s)
        assert LEAST_BYTES <= room.size <= min(128 * KB, 2 * before)
        slow = took_s if line_s is None else line_s
        assert room.size <= max(LEAST_BYTES, size * LINE_S / max(slow, 1e-3))


def test_patience_is_what_was_measured() -> None:
    pace = Pace(2.0)
    assert pace.patience_s() == 2.0
    pace.answered(10.0)
    assert pace.patience_s() == pytest.approx(30.0)
    # Smoothed as TCP does: the mean by an eighth, its spread by a quarter.
    pace.answered(2.0)
    assert pace.patience_s() == pytest.approx(9.0 + 4 * 5.75)
    pace.answered(9.0)
    assert pace.patience_s() == pytest.approx(9.0 + 4 * 4.3125)


def test_silence_doubles_the_patience_up_to_two_minutes_and_an_answer_ends_it() -> None:
    pace = Pace(2.0)
    pace.answered(10.0)
    pace.silent = 1
    assert pace.patience_s() == pytest.approx(60.0)
    pace.silent = 10_000
    assert pace.patience_s() == 120.0
    pace.answered(10.0)
    assert pace.silent == 0
