"""Bounds over all who were served against every way in which the silent could have judged."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.participation import Participation, participation
from proof.scores import Counts

COUNTS = st.tuples(*[st.integers(0, 20)] * 3)
WEIGHTS = (Fraction(1), Fraction(3, 5), Fraction(0))


def average(n: Counts) -> Fraction:
    return sum((w * one for w, one in zip(WEIGHTS, n, strict=True)), Fraction(0)) / sum(n)


@given(COUNTS, st.integers(0, 12))
def test_it_is_the_worst_and_the_best_that_the_silent_could_have_said(n: Counts, silent: int) -> None:
    served = sum(n) + silent
    found = participation(n, served)
    if served == 0:
        assert found is None
        return
    means = [
        average((n[0] + good, n[1] + basic, n[2] + silent - good - basic))
        for good in range(silent + 1)
        for basic in range(silent + 1 - good)
    ]
    assert found == Participation(Fraction(sum(n), served), min(means), max(means))
    # What is not known is as wide as the silence.
    assert found.high - found.low == 1 - found.rate


@given(COUNTS.filter(any), st.integers(0, 1_000_000))
def test_where_everybody_rated_nothing_is_left_open_and_silence_opens_it(n: Counts, silent: int) -> None:
    exact = average(n)
    assert participation(n, sum(n)) == Participation(Fraction(1), exact, exact)
    found = participation(n, sum(n) + silent)
    assert found is not None
    assert found.low <= exact <= found.high


def test_a_policys_own_weights() -> None:
    """5 + 2 x 0.5 of 10, and three silent at 0.2 or at 1."""
    assert participation((5, 2, 0), 10, (1000, 500, 200)) == Participation(
        Fraction(7, 10),
        Fraction(66, 100),
        Fraction(9, 10),
    )


def test_silence_alone_leaves_everything_open() -> None:
    assert participation((0, 0, 0), 40) == Participation(Fraction(0), Fraction(0), Fraction(1))


def test_more_ratings_than_people_are_refused() -> None:
    with pytest.raises(ValueError, match="1,200 served, but 1,201 ratings"):
        participation((1000, 200, 1), 1200)
