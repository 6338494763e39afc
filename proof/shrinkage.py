"""Scores of units drawn toward what they belong to, the more the fewer rated them. Pure; for display and nothing else.

Of many small offices a few are always far up and far down by chance alone, so that a list by raw score is led by those
whom hardly anybody rated. K has nothing to do with it: shrinking inside a bound would let one more satisfied rating
lower K.
"""

from collections.abc import Sequence

from proof.scores import POINTS, Counts, Points, mean, plus, variance


def shrunk(siblings: Sequence[Counts], points: Points = POINTS) -> list[float]:
    """Return for each of `siblings`, the units of one parent, its mean in [0, 1] drawn toward the mean of them all.

    Global empirical Bayes by the method of moments: R. J. Marshall, 1991, "Mapping disease and mortality rates using
    empirical Bayes estimators", with the variance V of one rating among all of the parent's in the place of a Poisson
    count's. With m the mean of all N ratings of I units that were rated, x the mean of one unit and n its ratings:

        A = (sum of n (x - m)^2 - I V) / N,  at least 0      how much units differ beyond what chance makes of them
        shown = m + (x - m) A / (A + V / n)

    A unit without ratings is shown as m. Where units differ by no more than chance, A is 0 and all are shown as m. V is
    all of the parent's ratings', so three equal ratings are never taken for certainty. `ValueError` where nobody rated
    any of them.
    """
    total = (0, 0, 0)
    for n in siblings:
        total = plus(total, n)
    middle, one = mean(total, points), variance(total, points)
    rated = [(sum(n), mean(n, points)) for n in siblings if sum(n)]
    apart = sum(count * (average - middle) ** 2 for count, average in rated)
    between = max(0.0, (apart - len(rated) * one) / sum(total))
    return [_drawn(n, middle, one, between, points) for n in siblings]


def _drawn(n: Counts, middle: float, one: float, between: float, points: Points) -> float:
    count = sum(n)
    if count == 0 or between == 0:
        return middle
    return middle + (mean(n, points) - middle) * between / (between + one / count)
