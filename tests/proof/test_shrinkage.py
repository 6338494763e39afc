"""Shrunk scores against exact fractions, against a city whose truth is known, and against what K may never do."""

import random
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.scores import Counts, mean
from proof.shrinkage import shrunk

WEIGHTS = (Fraction(1), Fraction(3, 5), Fraction(0))
COUNTS = st.tuples(*[st.integers(0, 400)] * 3)
SIBLINGS = st.lists(COUNTS, min_size=1, max_size=8).filter(lambda siblings: any(map(any, siblings)))


def average(ratings: list[Fraction]) -> Fraction:
    return sum(ratings, Fraction(0)) / len(ratings)


def exact(siblings: list[Counts]) -> list[Fraction]:
    """The same from every single rating, written out one by one."""
    units = [[w for w, n in zip(WEIGHTS, counts, strict=True) for _ in range(n)] for counts in siblings]
    whole = [one for unit in units for one in unit]
    m = average(whole)
    v = average([(one - m) ** 2 for one in whole])
    rated = [unit for unit in units if unit]
    a = (sum(len(unit) * (average(unit) - m) ** 2 for unit in rated) - len(rated) * v) / len(whole)
    return [m if not unit or a <= 0 else m + (average(unit) - m) * a / (a + v / len(unit)) for unit in units]


@given(st.lists(st.tuples(*[st.integers(0, 12)] * 3), min_size=1, max_size=6).filter(lambda s: any(map(any, s))))
def test_it_is_the_formula_to_the_letter(siblings: list[Counts]) -> None:
    assert shrunk(siblings) == pytest.approx([float(one) for one in exact(siblings)], abs=1e-9)


@given(SIBLINGS)
def test_each_is_between_its_own_mean_and_the_parents(siblings: list[Counts]) -> None:
    middle = mean((sum(n[0] for n in siblings), sum(n[1] for n in siblings), sum(n[2] for n in siblings)))
    for n, shown in zip(siblings, shrunk(siblings), strict=True):
        own = mean(n) if any(n) else middle
        assert min(own, middle) - 1e-12 <= shown <= max(own, middle) + 1e-12


@given(SIBLINGS, st.permutations(range(8)))
def test_the_order_of_units_means_nothing(siblings: list[Counts], order: list[int]) -> None:
    turned = [at for at in order if at < len(siblings)]
    shown = shrunk(siblings)
    assert shrunk([siblings[at] for at in turned]) == pytest.approx([shown[at] for at in turned], abs=1e-9)


@given(SIBLINGS, COUNTS.filter(any), st.lists(st.integers(1, 50), min_size=2, max_size=4))
def test_of_equally_good_units_the_one_with_more_ratings_is_drawn_less(
    siblings: list[Counts], kind: Counts, times: list[int]
) -> None:
    alike = [(kind[0] * k, kind[1] * k, kind[2] * k) for k in sorted(times)]
    shown = shrunk([*siblings, *alike])[len(siblings) :]
    drawn = [abs(one - mean(kind)) for one in shown]
    assert all(less <= more + 1e-12 for more, less in pairwise(drawn))


def test_a_unit_without_ratings_is_shown_as_its_parent() -> None:
    rated = [(80, 0, 20), (60, 0, 40)]
    assert shrunk([*rated, (0, 0, 0), (0, 0, 0)]) == [*shrunk(rated), 0.7, 0.7]
    assert shrunk(rated)[0] > 0.75


def test_units_that_differ_by_no_more_than_chance_are_shown_alike() -> None:
    assert shrunk([(8, 0, 2), (7, 1, 2), (8, 1, 1)]) == pytest.approx([0.7 + 0.8 / 10] * 3, abs=0.03)
    assert len(set(shrunk([(8, 0, 2), (7, 1, 2), (8, 1, 1)]))) == 1


@pytest.mark.parametrize("siblings", [[(5, 0, 0)], [(5, 0, 0), (1, 0, 0), (0, 0, 0)], [(0, 3, 0), (0, 7, 0)]])
def test_where_all_are_alike_nothing_is_drawn(siblings: list[Counts]) -> None:
    assert len(set(shrunk(siblings))) == 1


def test_units_of_one_rating_each_say_nothing_about_each_other() -> None:
    assert shrunk([(1, 0, 0), (0, 0, 1), (1, 0, 0)]) == pytest.approx([2 / 3] * 3)


def test_two_unanimous_units_are_not_taken_for_certainty() -> None:
    """m 1/2, V 1/4, A (1 - 1/2) / 4 = 1/8: half of the way."""
    assert shrunk([(2, 0, 0), (0, 0, 2)]) == pytest.approx([0.75, 0.25])


def test_nobody_at_all_has_no_score() -> None:
    with pytest.raises(ValueError, match="no ratings"):
        shrunk([(0, 0, 0), (0, 0, 0)])


def test_it_is_nearer_to_the_truth_than_raw_scores_are() -> None:
    """Two hundred counties of fifteen townships with 3 to 60 ratings each, drawn from truths that are known."""
    draw = random.Random(1)
    raw = shown = 0.0
    for _ in range(200):
        truths = [min(0.99, max(0.4, draw.gauss(0.85, 0.05))) for _ in range(15)]
        siblings = []
        for truth in truths:
            count = draw.randint(3, 60)
            good = sum(draw.random() < truth for _ in range(count))
            siblings.append((good, 0, count - good))
        for n, one, truth in zip(siblings, shrunk(siblings), truths, strict=True):
            raw += (mean(n) - truth) ** 2
            shown += (one - truth) ** 2
    assert shown < 0.6 * raw
