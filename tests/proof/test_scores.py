"""Scores against exact fractions and a naive model; the bounds against enumeration."""

from fractions import Fraction
from math import comb, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.scores import (
    BINS,
    Counts,
    Interval,
    colour_bin,
    difference,
    interval,
    lower,
    mean,
    percent,
    percent_interval,
    shares,
    upper,
)

COUNTS = st.tuples(*[st.integers(0, 5_000)] * 3)
RATED = COUNTS.filter(lambda n: sum(n) > 0)


# Anywhere, at what counts come to, and as near to the ends as floats go.
AVERAGES = st.one_of(
    st.floats(0, 1),
    RATED.map(mean),
    st.floats(1, 17).map(lambda tenths: 1 - 10**-tenths),
    st.floats(1, 320).map(lambda tenths: 10**-tenths),
    st.sampled_from([0.0, 5e-324, 2.0**-53, 1 - 2.0**-53, 1.0]),
)
MANY = st.integers(1, 10_000) | st.integers(1, 10**7) | st.sampled_from([1, 10**7, 10**9])


def halved(average: float, count: int, alpha: float) -> float:
    """The bound by thirty halvings, each of them computed."""
    if average >= 1:
        return 1.0
    miss = 1 - average
    entropy = -miss * log(miss) - (average * log(average) if average > 0 else 0.0)
    limit = entropy - log(alpha) / count
    low, high = average, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        if middle >= 1 or average * log(middle) + miss * log(1 - middle) < -limit:
            high = middle
        else:
            low = middle
    return high


def exact(n: Counts) -> Fraction:
    return (n[0] + Fraction(6, 10) * n[1]) / sum(n)


@given(RATED)
def test_the_score_is_the_weighted_mean_rounded_half_up(n: Counts) -> None:
    score = percent(n)
    assert score is not None
    error = Fraction(score).limit_denominator(10) - 100 * exact(n)
    assert -Fraction(1, 20) < error <= Fraction(1, 20)
    assert mean(n) == pytest.approx(float(exact(n)), abs=1e-12)


def test_halves_round_up() -> None:
    assert percent((1, 0, 7)) == 12.5
    assert percent((1, 0, 1999)) == 0.1
    assert percent((1, 0, 2001)) == 0.0


def test_without_ratings_there_is_no_score_and_nothing_is_excluded() -> None:
    assert percent((0, 0, 0)) is None
    assert shares((0, 0, 0)) is None
    assert interval((0, 0, 0)) == Interval(0.0, 1.0)
    assert upper(0.5, 0) == 1.0
    with pytest.raises(ValueError, match="no ratings"):
        mean((0, 0, 0))


@given(RATED, RATED)
def test_a_difference_is_that_of_the_exact_means_and_the_same_both_ways(a: Counts, b: Counts) -> None:
    found = difference(a, b)
    assert found is not None
    one, other = (Fraction(1000 * n[0] + 600 * n[1], 10 * sum(n)) for n in (a, b))
    assert abs(Fraction(round(found * 10), 10) - (one - other)) <= Fraction(1, 20)
    assert difference(b, a) == -found


def test_half_a_tenth_apart_is_a_tenth_apart_and_without_ratings_nothing_is() -> None:
    assert difference((1, 0, 0), (1999, 0, 1)) == 0.1
    assert difference((1999, 0, 1), (1, 0, 0)) == -0.1
    assert str(difference((9, 0, 1), (90, 0, 10))) == "0.0"
    assert difference((0, 0, 0), (1, 0, 0)) is None
    assert difference((1, 0, 0), (0, 0, 0)) is None


@given(RATED)
def test_the_printed_shares_add_up(n: Counts) -> None:
    split = shares(n)
    assert split is not None
    tenths = [round(share * 10) for share in split]
    assert sum(tenths) == 1000
    assert all(tenth >= 0 for tenth in tenths)
    for tenth, count in zip(tenths, n, strict=True):
        assert abs(tenth - Fraction(1000 * count, sum(n))) <= 1


@given(RATED)
def test_the_interval_holds_the_mean_and_the_printed_one_holds_the_printed_score(n: Counts) -> None:
    bounds = interval(n)
    assert 0 <= bounds.low <= mean(n) <= bounds.high <= 1
    printed = percent_interval(bounds)
    score = percent(n)
    assert score is not None
    assert 0 <= printed.low <= score <= printed.high <= 100


@given(st.floats(0, 1), st.integers(1, 10_000), st.integers(1, 1_000))
def test_more_ratings_of_the_same_mean_narrow_the_interval(average: float, count: int, more: int) -> None:
    assert upper(average, count + more) <= upper(average, count)
    assert lower(average, count + more) >= lower(average, count)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 1_000))
def test_a_better_mean_has_no_lower_bounds(one: float, other: float, count: int) -> None:
    worse, better = sorted((one, other))
    assert upper(worse, count) <= upper(better, count) + 1e-9
    assert lower(worse, count) <= lower(better, count) + 1e-9


@pytest.mark.parametrize("gap", [5e-324, 2.0**-53, 1e-15, 1e-12, 1e-9, 1e-7])
@pytest.mark.parametrize("count", [1, 1_000, 10**9])
def test_averages_next_to_the_ends_have_bounds_too(gap: float, count: int) -> None:
    assert 1 - gap <= upper(1 - gap, count) <= 1
    assert gap <= upper(gap, count) <= 1
    assert 0 <= lower(gap, count) <= gap
    assert lower(1 - gap, count) <= 1 - gap


@given(AVERAGES, MANY, st.sampled_from([0.025, 0.001, 0.5, 1e-9]))
def test_the_bound_is_what_halving_gives_to_the_last_bit(average: float, count: int, alpha: float) -> None:
    """K was published by it: neither inside of it, nor off to the outside."""
    assert upper(average, count, alpha) == halved(average, count, alpha)
    assert lower(average, count, alpha) == 1 - halved(1 - average, count, alpha)


@given(AVERAGES, st.integers(1, 10**7))
def test_the_bound_is_refuted_and_what_lies_a_thousand_millionth_inside_is_not(average: float, count: int) -> None:
    def refuted(q: float) -> bool:
        parts = [p * log(p / share) for p, share in ((average, q), (1 - average, 1 - q)) if p > 0]
        return count * sum(parts) > -log(0.025)

    high = upper(average, count)
    assert high == 1 or refuted(high + 1e-12)
    assert high - 1e-9 <= average or not refuted(high - 1e-9)


def test_without_end_the_bound_is_the_mean() -> None:
    assert upper(0.5, 10**60) == pytest.approx(0.5, abs=1e-9)


def test_known_bounds() -> None:
    # All satisfied: kl(1, q) = -ln q, so the bound is alpha ** (1/n); none satisfied is its mirror image.
    assert lower(1.0, 50) == pytest.approx(0.025 ** (1 / 50), abs=1e-8)
    assert upper(0.0, 50) == pytest.approx(1 - 0.025 ** (1 / 50), abs=1e-8)
    assert upper(1.0, 50) == 1.0


@pytest.mark.parametrize("truth", [0.5, 0.85, 0.95, 0.99])
@pytest.mark.parametrize("n", [1, 2, 5, 10, 20, 40])
def test_the_bound_fails_at_most_as_often_as_it_says_for_two_levels(n: int, truth: float) -> None:
    """Enumerate all outcomes of n independent yes/no ratings."""
    too_low = too_high = 0.0
    for k in range(n + 1):
        chance = comb(n, k) * truth**k * (1 - truth) ** (n - k)
        too_low += chance * (upper(k / n, n) < truth)
        too_high += chance * (lower(k / n, n) > truth)
    assert too_low <= 0.025
    assert too_high <= 0.025


@pytest.mark.parametrize("chances", [(0.8, 0.15, 0.05), (0.3, 0.4, 0.3), (0.97, 0.02, 0.01)])
@pytest.mark.parametrize("n", [3, 12, 30])
def test_the_bound_fails_at_most_as_often_as_it_says_for_three_levels(
    n: int, chances: tuple[float, float, float]
) -> None:
    truth = chances[0] + 0.6 * chances[1]
    outside = 0.0
    for satisfied in range(n + 1):
        for basic in range(n + 1 - satisfied):
            counts = (satisfied, basic, n - satisfied - basic)
            ways = comb(n, satisfied) * comb(n - satisfied, basic)
            chance = ways * chances[0] ** counts[0] * chances[1] ** counts[1] * chances[2] ** counts[2]
            bounds = interval(counts)
            outside += chance * (not bounds.low <= truth <= bounds.high)
    assert outside <= 0.05


@given(RATED, st.integers(1, 100))
def test_a_tile_is_coloured_by_its_printed_score_and_never_by_a_small_sample(n: Counts, least: int) -> None:
    score = percent(n)
    assert score is not None
    chosen = colour_bin(score, sum(n), least=least)
    if sum(n) < least:
        assert chosen is None
    else:
        assert chosen is not None
        assert chosen == 0 or score >= BINS[chosen - 1]
        assert chosen == len(BINS) or score < BINS[chosen]


def test_nothing_rated_has_no_colour() -> None:
    assert colour_bin(None, 0, least=0) is None
