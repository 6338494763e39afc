"""Edge traces as contacts make them: every tap is one press, at its first edge, whatever chatters around it."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.debounce import QUIET_NS, Debounce

US = 1_000
MS = 1_000_000
S = 1_000_000_000

# A burst's glitches: how long the right level holds before each, and how long the wrong one then does.
Burst = list[tuple[int, int]]


class Tap(NamedTuple):
    """The finger comes down after `rest` of a line that was up, and stays for `hold`; the contact chatters at both."""

    rest: int
    down: Burst
    hold: int
    up: Burst


def chatter(at: int, burst: Burst, *, down: bool) -> tuple[list[tuple[bool, int]], int]:
    edges = []
    for right, wrong in burst:
        edges.append((not down, at := at + right))
        edges.append((down, at := at + wrong))
    return edges, at


def trace(taps: list[Tap], begin: int = 0) -> tuple[list[tuple[bool, int]], list[int]]:
    """The edges `(down, at)` that `taps` make, and the moments when they are presses."""
    edges: list[tuple[bool, int]] = []
    presses = []
    at = begin
    for tap in taps:
        at += tap.rest
        presses.append(at)
        edges.append((True, at))
        burst, at = chatter(at, tap.down, down=True)
        edges += burst
        at += tap.hold
        edges.append((False, at))
        burst, at = chatter(at, tap.up, down=False)
        edges += burst
    return edges, presses


def presses_of(edges: list[tuple[bool, int]], debounce: Debounce | None = None) -> list[int]:
    debounce = debounce or Debounce(down=False, at=0)
    return [at for down, at in edges if debounce.edge(down=down, at=at)]


widths = st.integers(2 * US, 4 * MS)
bursts = st.lists(st.tuples(widths, widths), max_size=8)
holds = st.one_of(st.integers(100 * US, 40 * MS), st.integers(40 * MS, 2 * S), st.just(100 * S))
taps = st.builds(Tap, rest=st.integers(QUIET_NS, 10 * S), down=bursts, hold=holds, up=bursts)


@given(st.lists(taps, max_size=12))
def test_every_tap_is_one_press_at_its_first_edge(made: list[Tap]) -> None:
    edges, presses = trace(made)

    assert presses_of(edges) == presses


@given(st.lists(taps, min_size=1, max_size=12), st.data())
def test_a_level_told_twice_changes_nothing(made: list[Tap], data: st.DataObject) -> None:
    edges, presses = trace(made)
    doubled = []
    for down, at in edges:
        doubled += [(down, at)] * data.draw(st.integers(1, 3))

    assert presses_of(doubled) == presses


def test_a_release_that_bounced_too_fast_to_be_read_is_no_press() -> None:
    """The kernel reads the line after the interrupt: an opening that was over by then is told as closed once more."""
    assert presses_of([(True, S), (True, 101 * S), (False, 101 * S + MS)]) == [S]


@pytest.mark.parametrize("hold", [5 * MS, 10 * MS, 20 * MS, 40 * MS])
def test_a_short_tap_with_bounces_counts_at_its_first_edge(hold: int) -> None:
    bounces = [(300 * US, 200 * US), (90 * US, 700 * US), (40 * US, 60 * US)]
    edges, presses = trace([Tap(S, bounces, hold, bounces)])

    assert presses_of(edges) == presses == [S]


def test_a_hold_of_100_s_is_one_press_and_its_bouncing_release_is_none() -> None:
    bounces = [(300 * US, 200 * US), (6 * MS, 5 * MS)]
    edges, presses = trace([Tap(S, bounces, 100 * S, bounces), Tap(60 * MS, [], 20 * MS, [])])

    assert presses_of(edges) == presses
    assert len(presses) == 2


@given(st.lists(st.tuples(st.integers(1, 50 * MS), st.integers(1, QUIET_NS - 1)), max_size=60))
def test_endless_chatter_is_one_press(burst: Burst) -> None:
    edges, _ = trace([Tap(S, burst, S, [])])

    assert presses_of(edges) == [S]


def test_two_quick_taps_of_one_finger_are_two() -> None:
    edges, presses = trace([Tap(S, [(US, US)], 30 * MS, [(US, US)]), Tap(40 * MS, [(US, US)], 30 * MS, [])])

    assert presses_of(edges) == presses


def test_a_button_held_at_start_is_no_press_until_released_once() -> None:
    debounce = Debounce(down=True, at=0)
    release, _ = chatter(5 * S, [(2 * MS, MS)], down=False)
    edges = [(True, MS), (False, 5 * S), *release]

    assert presses_of(edges, debounce) == []
    assert presses_of([(True, 6 * S), (False, 6 * S + 20 * MS)], debounce) == [6 * S]


def test_the_first_press_may_come_at_once_after_the_start() -> None:
    assert Debounce(down=False, at=S).edge(down=True, at=S + 1)


def test_held_runs_from_the_press_through_flicker_and_ends_with_the_release() -> None:
    debounce = Debounce(down=False, at=0)
    assert debounce.held_ns(S) == 0

    debounce.edge(down=True, at=S)
    debounce.edge(down=False, at=30 * S)
    assert debounce.held_ns(30 * S) == 0
    debounce.edge(down=True, at=30 * S + 10 * MS)
    assert debounce.held_ns(61 * S) == 60 * S

    debounce.edge(down=False, at=62 * S)
    debounce.edge(down=True, at=70 * S)
    assert debounce.held_ns(71 * S) == S


def test_a_button_held_at_start_is_held_since_then() -> None:
    assert Debounce(down=True, at=S).held_ns(61 * S) == 60 * S
