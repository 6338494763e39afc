"""Whether a unit differs from the whole city by more than chance would make it: a funnel plot's limits. Pure.

For display. A unit outside differs from the city, which is not to say that it misses the target, nor by how much: the
limits close in on the city's mean as ratings get more, and units that really differ end up outside.
"""

from math import sqrt
from typing import Literal, NamedTuple

from proof.scores import POINTS, Counts, Interval, Points, mean, total, variance
from proof.share import two_sided

# The usual two pairs of limits: one unit in 20, and one in 500, lies outside by chance alone.
LEVELS = (0.95, 0.998)
# Below this many ratings a mean of three levels is too coarse for a normal distribution, however even they are.
_LEAST = 30

Place = Literal["few", "below", "within", "above"]


class Standing(NamedTuple):
    """Where a unit stands at `level`; "few" and no `limits` where too few rated for them to be what they say."""

    level: float
    place: Place
    limits: Interval | None


class Funnel(NamedTuple):
    """`mean` in [0, 1] of the city's ratings, `variance` of one of them, and the `least` number that it is used for."""

    mean: float
    variance: float
    least: int

    def limits(self, count: int, level: float) -> Interval:
        """Return between what the mean of `count` ratings of the city's kind lies with probability `level`.

        D. J. Spiegelhalter, 2005, "Funnel plots for comparing institutional performance": mean +- z sqrt(variance /
        count), by the normal approximation, cut off at 0 and 1. Fewer than `least` ratings are none of its business:
        limits there are wide and mostly cut off, and chance crosses the lower one oftener than `level` says.
        (0, 1) where `count` is 0.
        """
        if count == 0:
            return Interval(0.0, 1.0)
        half = two_sided(level) * sqrt(self.variance / count)
        return Interval(max(0.0, self.mean - half), min(1.0, self.mean + half))

    def standing(self, n: Counts, level: float, points: Points = POINTS) -> Standing:
        """Where a unit with the ratings `n` stands at `level`; on a limit is within it."""
        count = sum(n)
        if count < self.least:
            return Standing(level, "few", None)
        limits, average = self.limits(count, level), mean(n, points)
        place: Place = "below" if average < limits.low else "above" if average > limits.high else "within"
        return Standing(level, place, limits)


def funnel(city: Counts, points: Points = POINTS) -> Funnel | None:
    """Return the funnel around the mean of the city's ratings; None where there are none, or all are alike.

    It is used from 25 g^2 ratings on, with g the skewness of the city's distribution: W. G. Cochran, 1977, "Sampling
    techniques", 3rd edition, section 2.15; and never below 30. The more the city is satisfied, the more that is.
    """
    count = sum(city)
    # In whole numbers: `count` times the distance of each level from the mean, in thousandths.
    middle = total(city, points)
    distances = [(n, count * point - middle) for n, point in zip(city, points, strict=True)]
    squares = sum(n * distance**2 for n, distance in distances)
    if squares == 0:
        return None
    cubes = sum(n * distance**3 for n, distance in distances)
    least = max(_LEAST, 25 * count * cubes**2 // squares**3 + 1)
    return Funnel(mean(city, points), variance(city, points), least)
