"""The session against a naive model, and blind to the level."""

from itertools import permutations
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.rating import MAX_PRESSES
from edge.session import Choice, Session

S = 1_000_000_000
MS = 1_000_000


class Touch(NamedTuple):
    """A press `gap` ns after the one before it, or a mere look at the clock (`level` 0)."""

    gap: int
    level: int


class Seen(NamedTuple):
    """What came out, and when it was known."""

    known: int
    choice: Choice


def run(touches: list[Touch], settle_ns: int, cooldown_ns: int) -> tuple[list[Seen], list[int]]:
    """The choices, and the running count of ignored presses after each touch."""
    session = Session("02", settle_ns=settle_ns, cooldown_ns=cooldown_ns)
    at = 0
    seen: list[Seen] = []
    ignored = []
    for touch in touches:
        at += touch.gap
        choice = session.press(touch.level, at) if touch.level else session.settle(at)
        if choice is not None:
            seen.append(Seen(at, choice))
        ignored.append(session.ignored)
    last = session.finish()
    if last is not None:
        seen.append(Seen(at, last))
    return seen, ignored


def model(presses: list[tuple[int, int]], settle_ns: int, cooldown_ns: int) -> tuple[list[Choice], int]:
    """The same, told from the whole list of `(at, level)` at once."""
    choices, ignored, i = [], 0, 0
    while i < len(presses):
        j = i
        while j + 1 < len(presses) and presses[j + 1][0] - presses[j][0] < settle_ns:
            j += 1
        at, level = presses[j]
        choices.append(Choice("02", level, j - i + 1, at, presses[i][0]))
        i = j + 1
        while i < len(presses) and presses[i][0] < at + settle_ns + cooldown_ns:
            ignored += 1
            i += 1
    return choices, ignored


gaps = st.one_of(st.just(0), st.integers(0, 2 * S), st.sampled_from([800 * MS, 800 * MS - 1, 3800 * MS, 3 * S, 1]))
levels = st.integers(1, 3)
touches = st.lists(st.builds(Touch, gaps, st.one_of(levels, levels, st.just(0))), max_size=40)
settles = st.sampled_from([0, 1, 800 * MS, 2 * S])
cooldowns = st.sampled_from([0, 1, 3 * S])


@given(touches, settles, cooldowns)
def test_it_does_what_the_naive_model_does(made: list[Touch], settle_ns: int, cooldown_ns: int) -> None:
    at = 0
    presses = []
    for touch in made:
        at += touch.gap
        if touch.level:
            presses.append((at, touch.level))

    seen, ignored = run(made, settle_ns, cooldown_ns)

    choices, expected_ignored = model(presses, settle_ns, cooldown_ns)
    assert [one.choice for one in seen] == choices
    assert (ignored or [0])[-1] == expected_ignored
    assert sum(one.choice.presses for one in seen) + expected_ignored == len(presses)


@given(touches, settles, cooldowns)
def test_looking_at_the_clock_changes_nothing(made: list[Touch], settle_ns: int, cooldown_ns: int) -> None:
    quiet: list[Touch] = []
    carried = 0
    for touch in made:
        if touch.level:
            quiet.append(Touch(touch.gap + carried, touch.level))
            carried = 0
        else:
            carried += touch.gap

    with_looks, _ = run(made, settle_ns, cooldown_ns)
    without, _ = run(quiet, settle_ns, cooldown_ns)

    assert [one.choice for one in with_looks] == [one.choice for one in without]


@given(touches, settles, cooldowns)
def test_swapping_the_levels_swaps_nothing_else(made: list[Touch], settle_ns: int, cooldown_ns: int) -> None:
    """Law 11: acceptance, count and moment of everything stay as they are under each renaming of the levels."""
    seen, ignored = run(made, settle_ns, cooldown_ns)
    for renamed in permutations((1, 2, 3)):
        names = (0, *renamed)
        other, other_ignored = run([Touch(gap, names[level]) for gap, level in made], settle_ns, cooldown_ns)

        assert other == [Seen(known, choice._replace(level=names[choice.level])) for known, choice in seen]
        assert other_ignored == ignored


def test_the_last_press_is_the_rating_and_all_are_counted() -> None:
    session = Session("02", settle_ns=800 * MS, cooldown_ns=3 * S)

    assert session.press(1, S) is None
    assert session.press(3, S + 500 * MS) is None
    assert session.due_ns == S + 1300 * MS
    assert session.settle(S + 1300 * MS - 1) is None
    assert session.settle(S + 1300 * MS) == Choice("02", 3, 2, S + 500 * MS, S)
    assert session.settle(2 * S + 900 * MS) is None
    assert session.due_ns is None


def test_settle_0_makes_every_press_final_at_once() -> None:
    session = Session("02", settle_ns=0, cooldown_ns=0)

    assert session.press(2, S) == Choice("02", 2, 1, S, S)
    assert session.press(1, S) == Choice("02", 1, 1, S, S)


def test_cooldown_runs_from_the_moment_of_settling_however_late_that_is_noticed() -> None:
    session = Session("02", settle_ns=S, cooldown_ns=3 * S)
    session.press(3, 0)

    assert session.press(1, 4 * S - 1) == Choice("02", 3, 1, 0, 0)
    assert session.ignored == 1
    assert session.press(1, 4 * S) is None
    assert session.ignored == 1
    assert session.due_ns == 5 * S


def test_the_count_of_presses_stays_within_the_contract() -> None:
    session = Session("02", settle_ns=S, cooldown_ns=0)
    for at in range(MAX_PRESSES + 5):
        session.press(3, at)

    choice = session.finish()

    assert choice is not None
    assert choice.presses == MAX_PRESSES


@pytest.mark.parametrize("level", [1, 2, 3])
def test_finish_settles_what_is_open_once(level: int) -> None:
    session = Session("02", settle_ns=S, cooldown_ns=S)
    assert session.finish() is None

    session.press(level, S)

    assert session.finish() == Choice("02", level, 1, S, S)
    assert session.finish() is None
