"""From the ratings of a unit to K, which its assessment is multiplied by. Pure; the one rule for every unit and period.

By a policy without guard K is the mean of the ratings. By one with a guard K moves away from 1 by no more than what
the ratings prove. With U and L the bounds of the mean, each at level alpha (`scores.upper`, `scores.lower`), and T the
target:

    d = U - T if U < T and enough were dissatisfied;  L - T if L > T and enough were satisfied;  else 0
    K = 1 + clip(slope * d, -most, +most)

What follows from it, each with a test in tests/proof/test_coefficient.py: without ratings K is 1; |K - 1| <= most; a
unit whose citizens are on average at or above T is penalised with a probability of at most alpha, at every number of
independent ratings, since U lies below the truth no oftener than that; and one more satisfied rating never lowers K,
nor does one more dissatisfied rating raise it. That enough must be dissatisfied, or satisfied, can only bring K to 1.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple

from proof.policy import Guard, Policy
from proof.scores import Counts, Interval, interval, mean

# Why K is what it is: nobody was asked; the mean itself; not proven; proven by too few; lowered; raised.
Ground = Literal["silent", "plain", "unproven", "few", "penalty", "reward"]

_K = Decimal("0.0001")
_SCORE = Decimal("0.01")
ONE = Decimal("1.0000")


class Coefficient(NamedTuple):
    """`k` has four decimals, and is what an assessment is multiplied by, not a shorter form of it.

    `mean` is the weighted mean in [0, 1] and `bounds` hold it at the policy's level; None without ratings or guard.
    """

    k: Decimal
    ground: Ground
    mean: float | None
    bounds: Interval | None


def coefficient(n: Counts, policy: Policy) -> Coefficient:
    """Return K of a unit with the ratings `n` (satisfied, basically satisfied, dissatisfied) by `policy`."""
    if sum(n) == 0:
        return Coefficient(ONE, "silent", None, None)
    average = mean(n, policy.points)
    if policy.guard is None:
        return Coefficient(_rounded(average), "plain", average, None)
    bounds = interval(n, policy.guard.alpha, policy.points)
    distance, ground = _proven(n, bounds, policy.guard)
    most = policy.guard.most
    return Coefficient(_rounded(1 + min(most, max(-most, policy.guard.slope * distance))), ground, average, bounds)


def corrected(assessment: Decimal, k: Decimal) -> Decimal:
    """Return `assessment` times `k` to two decimals, halves up: of decimals, so that a pocket calculator agrees."""
    return (assessment * k).quantize(_SCORE, ROUND_HALF_UP)


def _proven(n: Counts, bounds: Interval, guard: Guard) -> tuple[float, Ground]:
    """How far from the target the mean is at least, and what is made of it."""
    if bounds.high < guard.target:
        return (bounds.high - guard.target, "penalty") if n[2] >= guard.penalty_dissatisfied else (0.0, "few")
    if bounds.low > guard.target:
        return (bounds.low - guard.target, "reward") if n[0] >= guard.reward_satisfied else (0.0, "few")
    return 0.0, "unproven"


def _rounded(k: float) -> Decimal:
    """`k` to four decimals, halves up; rounding keeps the order of any two."""
    return Decimal(k).quantize(_K, ROUND_HALF_UP)
