"""The guarantees of K: by enumeration where that can be done, by property where it cannot."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import factorial, log, sqrt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.coefficient import ONE, Coefficient, coefficient, corrected
from proof.policy import SHIPPED, Guard, Policy, shipped
from proof.scores import Counts, mean

GUARDED, PLAIN = shipped("guarded"), shipped("plain")
assert GUARDED.guard is not None
GUARD: Guard = GUARDED.guard
T, ALPHA = GUARD.target, GUARD.alpha
# Nothing but the bound decides: what it promises must hold without the help of "at least five dissatisfied".
BARE = msgspec.structs.replace(
    GUARDED, guard=msgspec.structs.replace(GUARD, penalty_dissatisfied=1, reward_satisfied=1)
)
MOST = 60  # ratings, up to which every outcome is enumerated

SMALL = st.tuples(*[st.integers(0, 60)] * 3)
LARGE = st.tuples(*[st.integers(0, 20_000_000)] * 3)


def triples(n: int) -> Iterator[Counts]:
    """All the ways in which `n` people can have judged."""
    for bad in range(n + 1):
        for basic in range(n + 1 - bad):
            yield n - bad - basic, basic, bad


def truths(average: float) -> list[tuple[float, float, float]]:
    """Ways in which a unit can be as good as `average`: from all or nothing to nearly all in the middle."""
    widest = (1 - average) / 0.4
    return [(average - 0.6 * basic, basic, 1 - average - 0.4 * basic) for basic in (widest * i / 30 for i in range(31))]


def chance(n: Counts, truth: tuple[float, float, float]) -> float:
    """How likely exactly `n` is of independent people."""
    ways = factorial(sum(n)) / (factorial(n[0]) * factorial(n[1]) * factorial(n[2]))
    return ways * truth[0] ** n[0] * truth[1] ** n[1] * max(0.0, truth[2]) ** n[2]


def worst(judged: Callable[[Counts], bool], average: float) -> float:
    """The largest chance, over all numbers of ratings up to `MOST`, that what is `judged` happens to such a unit."""
    found = 0.0
    for n in range(1, MOST + 1):
        region = [one for one in triples(n) if judged(one)]
        found = max(found, *(sum(chance(one, truth) for one in region) for truth in truths(average)))
    return found


@cache
def penalised(n: Counts) -> bool:
    return coefficient(n, BARE).k < 1


@cache
def rewarded(n: Counts) -> bool:
    return coefficient(n, BARE).k > 1


@pytest.mark.parametrize("average", [T, 0.87, 0.9, 0.95])
def test_chance_alone_rarely_penalises_a_unit_at_or_above_the_target(average: float) -> None:
    assert worst(penalised, average) <= ALPHA


def test_how_rarely_that_is() -> None:
    """The figures of docs/scores.md."""
    assert worst(penalised, T) == pytest.approx(0.0225)
    assert worst(lambda n: coefficient(n, GUARDED).k < 1, T) == pytest.approx(0.0056, abs=5e-5)
    assert worst(lambda n: coefficient(n, GUARDED).k > 1, T) == pytest.approx(0.0105, abs=5e-5)


def test_chance_alone_rarely_rewards_a_unit_at_or_below_the_target() -> None:
    assert worst(rewarded, T) <= ALPHA
    assert worst(rewarded, 0.8) <= ALPHA


def test_the_usual_interval_would_penalise_more_often_than_it_says() -> None:
    """Wilson's score interval (1927) for the mean as if it were a share: why there is another bound."""
    z = 1.959964

    def below(n: Counts) -> bool:
        count, share = sum(n), mean(n)
        centre = share + z * z / (2 * count)
        high = (centre + z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))) / (1 + z * z / count)
        return high < T

    assert worst(below, T) == pytest.approx(0.15)
    assert worst(lambda n: n[2] >= GUARD.penalty_dissatisfied and below(n), T) == pytest.approx(0.062, abs=5e-4)


@given(SMALL | LARGE, st.sampled_from(SHIPPED))
def test_k_stays_near_one(n: Counts, name: str) -> None:
    found = coefficient(n, shipped(name)).k
    assert found == round(found, 4)
    assert abs(found - 1) <= Decimal("0.05") if name == "guarded" else 0 <= found <= 1


@pytest.mark.parametrize("name", SHIPPED)
def test_without_ratings_k_is_one(name: str) -> None:
    assert coefficient((0, 0, 0), shipped(name)) == Coefficient(ONE, "silent", None, None)


def rises(n: Counts, policy: Policy) -> bool:
    """Whether one more satisfied does not lower K, and one more dissatisfied does not raise it."""
    k = coefficient(n, policy).k
    better, worse = (n[0] + 1, n[1], n[2]), (n[0], n[1], n[2] + 1)
    # The first rating of all moves a plain K away from 1 whatever it is: there was no mean before.
    return (sum(n) == 0 and policy.guard is None) or coefficient(worse, policy).k <= k <= coefficient(better, policy).k


@pytest.mark.parametrize("policy", [GUARDED, BARE, PLAIN], ids=["guarded", "bare", "plain"])
def test_a_better_rating_never_hurts_and_a_worse_never_helps_up_to_forty_ratings(policy: Policy) -> None:
    assert all(rises(one, policy) for n in range(41) for one in triples(n))


@given(SMALL | LARGE, st.sampled_from([GUARDED, BARE, PLAIN]))
def test_a_better_rating_never_hurts_and_a_worse_never_helps(n: Counts, policy: Policy) -> None:
    assert rises(n, policy)


@given((SMALL | LARGE).filter(any))
def test_it_is_the_bound_of_hoeffding_that_decides(n: Counts) -> None:
    """The same by the inequality itself, without looking for a bound: x is refuted by n x kl(x, T) > log(1 / alpha)."""
    average, count = mean(n), sum(n)
    proof = count * sum(p * log(p / q) for p, q in ((average, T), (1 - average, 1 - T)) if p > 0)
    found = coefficient(n, GUARDED)
    if abs(proof + log(ALPHA)) > 1e-3:
        refuted = proof > -log(ALPHA)
        assert (found.ground in {"penalty", "reward", "few"}) == refuted
    if found.ground == "penalty":
        assert average < T
        assert n[2] >= 5
    if found.ground == "reward":
        assert average > T
        assert n[0] >= 30


def test_few_dissatisfied_cost_nothing_and_few_satisfied_earn_nothing() -> None:
    assert coefficient((0, 0, 4), GUARDED)[:2] == (ONE, "few")
    assert coefficient((0, 0, 5), GUARDED).ground == "penalty"
    assert coefficient((29, 0, 0), GUARDED)[:2] == (ONE, "few")
    assert coefficient((30, 0, 0), GUARDED).ground == "reward"


def test_examples_that_can_be_done_by_hand() -> None:
    """Of 1,000 ratings with a mean of 0.80, U is 0.8328: kl(0.8, 0.8328) = ln(40) / 1000 to five decimals."""
    found = coefficient((800, 0, 200), GUARDED)
    assert found.bounds is not None
    assert found.bounds.high == pytest.approx(0.8328, abs=5e-5)
    assert 0.8 * log(0.8 / 0.8328) + 0.2 * log(0.2 / 0.1672) == pytest.approx(log(40) / 1000, abs=1e-5)
    assert found.k == Decimal("0.9914")
    assert coefficient((10_000_000, 0, 0), GUARDED).k == Decimal("1.0500")
    assert coefficient((0, 0, 10_000_000), GUARDED).k == Decimal("0.9500")
    assert coefficient((3, 0, 0), GUARDED).k == ONE
    assert coefficient((1, 1, 1), PLAIN) == Coefficient(Decimal("0.5333"), "plain", 1600 / 3000, None)


@given(st.decimals(0, 100, places=2), SMALL | LARGE)
def test_the_corrected_score_is_the_assessment_times_the_k_that_is_printed(score: Decimal, n: Counts) -> None:
    k = coefficient(n, GUARDED).k
    error = Fraction(corrected(score, k)) - Fraction(score) * Fraction(k)
    assert -Fraction(1, 200) < error <= Fraction(1, 200)


def test_halves_of_a_corrected_score_round_up() -> None:
    assert corrected(Decimal("90.50"), Decimal("0.9500")) == Decimal("85.98")
    assert str(corrected(Decimal(90), ONE)) == "90.00"
