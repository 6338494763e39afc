"""From three counts to a score and how sure it is. Pure, standard library only, so that anybody can recompute it.

A count triple is `(satisfied, basic, dissatisfied)`. The score is the mean of the weights 1 / 0.6 / 0, in percent.

Rounding. What is printed is computed from the counts in exact integers, never from another rounded figure:

- the score rounds half up to one decimal, and a tile's colour follows the printed score, so 95.0 never shows the
  colour of 94.9;
- the shares round their running sums half up, so satisfied + basic + dissatisfied is always exactly 100.0;
- an interval rounds outwards, so the printed one still covers what the exact one covers.
"""

from collections.abc import Sequence
from functools import cache
from math import ceil, expm1, floor, log, sqrt
from typing import NamedTuple

Counts = tuple[int, int, int]

WEIGHTS = (1.0, 0.6, 0.0)
# Weights in thousandths: sums of them are exact.
Points = tuple[int, int, int]
BINS = (80.0, 88.0, 92.0, 95.0)
# One-sided 97.5 % on each side is 95 % two-sided.
ALPHA = 0.025
# Bisection halves [0, 1] this often: the bound is off by less than 1e-9, and always to the outside.
_HALVINGS = 30
# Newton's steps end below `_STEP`. Nearer than `_NEAR` to where they end, floats may err about the side.
_STEP = 1e-12
_NEAR = 1e-11


class Interval(NamedTuple):
    """Lower and upper bound of a mean, both within [0, 1]."""

    low: float
    high: float


class Shares(NamedTuple):
    """The three levels in percent, one decimal; they add up to 100.0."""

    satisfied: float
    basic: float
    dissatisfied: float


@cache
def points_of(weights: tuple[float, float, float]) -> Points:
    """`weights` in thousandths."""
    good, basic, bad = (round(1000 * weight) for weight in weights)
    return good, basic, bad


POINTS = points_of(WEIGHTS)


def plus(a: Counts, b: Counts) -> Counts:
    """Add two count triples."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def minus(a: Counts, b: Counts) -> Counts:
    """Take count triple `b` from `a`."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def mean(n: Counts, points: Points = POINTS) -> float:
    """Return the mean of `n` in [0, 1], weighted by `points` thousandths a level; `ValueError` without ratings."""
    return total(n, points) / (1000 * _some(n))


def variance(n: Counts, points: Points = POINTS) -> float:
    """Return how much single ratings scatter around `mean`: their mean squared distance; `ValueError` without any."""
    count = _some(n)
    squares = sum(one * point**2 for one, point in zip(n, points, strict=True))
    return (count * squares - total(n, points) ** 2) / (1000 * count) ** 2


def total(n: Counts, points: Points = POINTS) -> int:
    """Return the sum of the weights of `n`, in thousandths."""
    return points[0] * n[0] + points[1] * n[1] + points[2] * n[2]


def percent(n: Counts, points: Points = POINTS) -> float | None:
    """Return the score that is shown: the weighted mean in percent, half up to one decimal; None without ratings."""
    count = sum(n)
    return None if count == 0 else _half_up(total(n, points), count) / 10


def difference(a: Counts, b: Counts) -> float | None:
    """By how many percentage points `a` scores above `b`, halves away from zero, one decimal; None without ratings."""
    ours, theirs = sum(a), sum(b)
    if not ours or not theirs:
        return None
    above = total(a) * theirs - total(b) * ours
    tenths = _half_up(abs(above), ours * theirs)
    return (tenths if above > 0 else -tenths) / 10


def shares(n: Counts) -> Shares | None:
    """Top-box, middle and bottom-box in percent, one decimal each, exactly 100.0 together; None without ratings."""
    count = sum(n)
    if count == 0:
        return None
    top = _half_up(1000 * n[0], count)
    top_two = _half_up(1000 * (n[0] + n[1]), count)
    return Shares(top / 10, (top_two - top) / 10, (1000 - top_two) / 10)


def colour_bin(score: float | None, count: int, *, least: int, edges: Sequence[float] = BINS) -> int | None:
    """Return the bin of a printed `score`: 0 below the first edge, `len(edges)` from the last one on.

    None where there are fewer than `least` ratings: a small sample never colours a tile.
    """
    if score is None or count < least:
        return None
    return sum(score >= edge for edge in edges)


def upper(average: float, count: int, alpha: float = ALPHA) -> float:
    """Return the largest mean in [0, 1] that `count` ratings averaging `average` do not refute at `alpha`.

    Chernoff-Hoeffding: for independent values in [0, 1] with mean m, an average at or below x < m has probability at
    most exp(-n kl(x, m)) (Hoeffding 1963, theorem 1); inverted as by Garivier and Cappe 2011 (KL-UCB). It holds at
    every n, unlike a normal or a Wilson interval, and for any three weights, not only for yes and no.
    """
    if count == 0 or average >= 1:
        return 1.0
    # kl(x, q) = cross(x, q) - entropy(x); only the first depends on q.
    miss = 1 - average
    entropy = -miss * log(miss) - (average * log(average) if average > 0 else 0.0)
    nats = -log(alpha) / count
    limit = entropy + nats
    edge = _edge(average, nats, limit)
    within, beyond = edge - _NEAR, edge + _NEAR
    low, high = average, 1.0
    # K was published by what halving gives, to the last bit, so the steps to the edge only say what need not be
    # computed. Near one, the middle of two floats can round to one itself, which the average refutes.
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle > beyond or (
            middle > within and (middle >= 1 or average * log(middle) + miss * log(1 - middle) < -limit)
        ):
            high = middle
        else:
            low = middle
    return high


def _edge(average: float, nats: float, limit: float) -> float:
    """Where kl(average, q) is `nats`, and cross(average, q) the `limit`, about.

    kl is convex in q, so that Newton's steps from outside stay there. It is at least (q - average)^2 / 2v, with v the
    greatest q (1 - q) on the way, and cross at least -miss log(1 - q), hence two places to begin.
    """
    miss = 1 - average
    v = average * miss if average > 1 / 2 else 1 / 4
    q = min(average + sqrt(2 * nats * v), -expm1(-limit / miss))
    while average < q < 1:
        step = (average * log(q) + miss * log(1 - q) + limit) / (average / q - miss / (1 - q))
        q -= step
        if step < _STEP:
            break
    return q


def lower(average: float, count: int, alpha: float = ALPHA) -> float:
    """Return the smallest mean in [0, 1] not refuted at level `alpha`; the mirror image of `upper`."""
    return 1.0 - upper(1.0 - average, count, alpha)


def interval(n: Counts, alpha: float = ALPHA, points: Points = POINTS) -> Interval:
    """Both bounds of the mean of `n`, each at level `alpha`; (0, 1) without ratings. `points` as for `mean`."""
    count = sum(n)
    if count == 0:
        return Interval(0.0, 1.0)
    average = mean(n, points)
    return Interval(lower(average, count, alpha), upper(average, count, alpha))


def percent_interval(bounds: Interval) -> Interval:
    """`bounds` in percent, one decimal, rounded outwards."""
    return Interval(floor(1000 * bounds.low) / 10, ceil(1000 * bounds.high) / 10)


def _some(n: Counts) -> int:
    count = sum(n)
    if count == 0:
        raise ValueError("no ratings, no mean")
    return count


def _half_up(numerator: int, denominator: int) -> int:
    """`numerator / denominator` to the nearest whole, halves up, both not negative."""
    return (2 * numerator + denominator) // (2 * denominator)
