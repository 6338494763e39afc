"""How sure a share of people is, such as the satisfied (top-box) or the dissatisfied (bottom-box). Pure; for display.

It decides nothing: taken for the mean it would penalise by chance more often than it says (docs/scores.md), so K rests
on the bounds of `proof.scores`.
"""

from functools import cache
from math import sqrt
from statistics import NormalDist

from proof.scores import Interval

LEVEL = 0.95


def wilson(part: int, count: int, level: float = LEVEL) -> Interval:
    """Return Wilson's two-sided score interval, both ends in [0, 1], of the share `part / count` at `level`.

    E. B. Wilson, 1927, "Probable inference, the law of succession, and statistical inference": all shares q that
    lie no more than z of their own standard errors from what was seen, |part/count - q| <= z sqrt(q (1 - q) / count).
    It never leaves [0, 1] and has a width where all or none are `part`. (0, 1) where `count` is 0; `ValueError`
    unless 0 <= part <= count and 0 < level < 1.
    """
    if not 0 <= part <= count:
        raise ValueError(f"{part} of {count} are no share")
    z = two_sided(level)
    if count == 0:
        return Interval(0.0, 1.0)
    share, widening = part / count, z * z / count
    centre = share + widening / 2
    half = z * sqrt(share * (1 - share) / count + widening / (4 * count))
    # Where all or none are part of it, that is the end itself, and not what floats make of it.
    return Interval(
        0.0 if part == 0 else (centre - half) / (1 + widening),
        1.0 if part == count else (centre + half) / (1 + widening),
    )


@cache
def two_sided(level: float) -> float:
    """How many standard deviations of a normal distribution hold the share `level` of it, on both sides of its middle.

    `ValueError` unless 0 < level < 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level {level}: expected a share between 0 and 1, e.g. 0.95")
    return NormalDist().inv_cdf((1 + level) / 2)
