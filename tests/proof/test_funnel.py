"""The funnel against exact fractions and against enumeration: how often chance alone puts a unit outside."""

from fractions import Fraction
from math import ceil, exp, lgamma, log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.funnel import LEVELS, Funnel, funnel
from proof.scores import Counts, Interval, mean, variance

COUNTS = st.tuples(*[st.integers(0, 30_000)] * 3)
WEIGHTS = (Fraction(1), Fraction(3, 5), Fraction(0))
ZERO = Fraction(0)
Z = {0.95: 1.959964, 0.998: 3.090232}


def around(city: Counts) -> Funnel:
    found = funnel(city)
    assert found is not None
    return found


def moment(city: Counts, power: int) -> Fraction:
    """A central moment of the city's ratings."""
    m = sum((w * n for w, n in zip(WEIGHTS, city, strict=True)), ZERO) / sum(city)
    return sum((n * (w - m) ** power for w, n in zip(WEIGHTS, city, strict=True)), ZERO) / sum(city)


@given(COUNTS.filter(any))
def test_the_variance_is_that_of_every_single_rating(n: Counts) -> None:
    assert variance(n) == pytest.approx(float(moment(n, 2)), abs=1e-15)


@given(COUNTS.filter(lambda n: sum(level > 0 for level in n) > 1))
def test_from_how_many_ratings_on_it_is_used(city: Counts) -> None:
    squared = moment(city, 3) ** 2 / moment(city, 2) ** 3
    found = around(city)
    # More than 25 squared skewnesses, and thirty at least.
    assert found.least == max(30, int(25 * squared) + 1)
    assert found.mean == mean(city)


@given(COUNTS.filter(lambda n: sum(level > 0 for level in n) > 1), st.integers(1, 10**7), st.sampled_from(LEVELS))
def test_limits_are_so_many_standard_errors_around_the_citys_mean_and_stay_within_0_and_1(
    city: Counts, count: int, level: float
) -> None:
    found = around(city)
    half = Z[level] * sqrt(float(moment(city, 2)) / count)
    limits = found.limits(count, level)
    assert limits == pytest.approx((max(0.0, found.mean - half), min(1.0, found.mean + half)), abs=1e-6)
    assert 0 <= limits.low <= found.mean <= limits.high <= 1
    # More ratings, narrower limits; the inner within the outer.
    narrower = found.limits(2 * count, level)
    assert limits.low <= narrower.low <= narrower.high <= limits.high
    inner, outer = (found.limits(count, one) for one in LEVELS)
    assert outer.low <= inner.low <= inner.high <= outer.high


@pytest.mark.parametrize("city", [(0, 0, 0), (7, 0, 0), (0, 9, 0), (0, 0, 1)])
def test_where_nothing_scatters_there_is_no_funnel(city: Counts) -> None:
    assert funnel(city) is None


def test_levels_of_the_same_weight_do_not_scatter() -> None:
    assert funnel((3, 4, 0), (1000, 1000, 0)) is None


def test_tiny_units_are_not_placed() -> None:
    found = around((85, 8, 7))
    assert found.least == 178
    assert found.standing((0, 0, 177), 0.998) == (0.998, "few", None)
    assert found.standing((0, 0, 178), 0.998).place == "below"
    assert found.standing((178, 0, 0), 0.998).place == "above"
    assert found.standing((151, 14, 13), 0.998).place == "within"
    # Their limits are wide and cut off.
    low, high = found.limits(1, 0.998)
    assert low == pytest.approx(0.898 - 3.090232 * sqrt(0.85 + 0.36 * 0.08 - 0.898**2), abs=1e-6)
    assert high == 1
    assert found.limits(0, 0.998) == Interval(0.0, 1.0)


def test_on_a_limit_is_within() -> None:
    """The upper limit of three ratings is cut off at 1, where all of them can be, but not beyond."""
    assert around((85, 8, 7))._replace(least=1).standing((3, 0, 0), 0.998).place == "within"


def test_where_the_limits_lie() -> None:
    """A city of mean 0.5 and variance 0.25: with z 2 a hundred ratings end at 0.4 and 0.6."""
    found = around((50, 0, 50))
    level = 0.954499736103642
    low, high = found.limits(100, level)
    assert [low, high] == pytest.approx([0.4, 0.6])
    assert [found.standing((k, 0, 100 - k), level).place for k in (39, 41, 59, 61)] == [
        "below",
        "within",
        "within",
        "above",
    ]


def outside(city: Counts, n: int, level: float, used: Funnel) -> tuple[float, float]:
    """How likely chance alone puts a unit with the city's own truth and `n` ratings below, and above, the limits."""
    truth = [one / sum(city) for one in city]
    found = {"below": 0.0, "within": 0.0, "above": 0.0}
    # Of a level that nobody in the city chose nobody has any.
    for bad in range(n + 1 if city[2] else 1):
        rest = n - bad
        for basic in range(rest + 1) if city[1] and city[0] else [rest if city[1] else 0]:
            counts = (rest - basic, basic, bad)
            ways = lgamma(n + 1) - sum(lgamma(one + 1) for one in counts)
            chance = exp(ways + sum(one * log(p) for one, p in zip(counts, truth, strict=True) if one))
            found[used.standing(counts, level).place] += chance
    assert sum(found.values()) == pytest.approx(1)
    return found["below"], found["above"]


@pytest.mark.parametrize("city", [(85, 8, 7), (70, 15, 15), (75, 20, 5), (40, 30, 30)])
@pytest.mark.parametrize("level", LEVELS)
def test_chance_puts_a_unit_outside_about_as_often_as_it_says(city: Counts, level: float) -> None:
    used = around(city)
    for n in (used.least, used.least + 1, used.least + 8, ceil(1.2 * used.least)):
        below, above = outside(city, n, level, used)
        assert below + above <= (0.0535 if level == 0.95 else 0.0025)


@pytest.mark.parametrize("level", LEVELS)
def test_it_is_worst_where_a_city_knows_but_two_levels(level: float) -> None:
    """At every number from the least on; the figures of docs/scores.md."""
    worst = 0.0
    for city in [(50, 0, 50), (60, 0, 40), (80, 0, 20), (90, 0, 10), (90, 10, 0), (0, 50, 50)]:
        used = around(city)
        worst = max(worst, *(sum(outside(city, n, level, used)) for n in range(used.least, used.least + 120)))
    assert worst == pytest.approx(0.0708 if level == 0.95 else 0.0032, abs=5e-5)


def test_without_the_least_number_it_would_cry_wolf() -> None:
    """Units of eight ratings in a good city: one in 140 would be below the limits of one in 1,000."""
    below, _ = outside((85, 8, 7), 8, 0.998, around((85, 8, 7))._replace(least=1))
    assert below == pytest.approx(1 / 140, rel=0.2)
