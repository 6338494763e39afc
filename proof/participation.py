"""What the ratings say of all who were served, of whom most were silent. Pure; for display."""

from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

from proof.scores import POINTS, Counts, Interval, Points, total


class Participation(NamedTuple):
    """Exact shares in [0, 1]: `rate` of the served who rated; `low` and `high` hold the mean of all who were served."""

    rate: Fraction
    low: Fraction
    high: Fraction

    @property
    def bounds(self) -> Interval:
        """`low` and `high` in percent with one decimal, outwards: what is shown holds what is possible."""
        return Interval(floor(1000 * self.low) / 10, ceil(1000 * self.high) / 10)


def participation(n: Counts, served: int, points: Points = POINTS) -> Participation | None:
    """Return what the ratings `n` of `served` people leave possible for all of them; None where nobody was served.

    C. F. Manski, 1989, "Anatomy of the selection problem": without an assumption about who stays silent, those may all
    be dissatisfied or all satisfied, and nothing narrower can be said. Unlike the bounds of `proof.scores` it is not
    about chance, and does not shrink as the ratings get more, only as the silent get fewer. `ValueError` where there
    are more ratings than people.
    """
    rated = sum(n)
    if rated > served:
        raise ValueError(f"{served:,} served, but {rated:,} ratings")
    if served == 0:
        return None
    seen, silent = total(n, points), served - rated
    whole = 1000 * served
    return Participation(
        Fraction(rated, served),
        Fraction(seen + silent * points[2], whole),
        Fraction(seen + silent * points[0], whole),
    )
