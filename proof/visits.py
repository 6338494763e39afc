"""What a ledger says of visits: who was asked to rate, who did, and how many ratings are more than visits. Pure.

A visit is what its gateway tells of it; a rating that carries its token is its rating, whatever the gateway believes.
So what is asked is the gateway's word, what is rated is in the ratings themselves, and anybody adds up the same.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from contract.rating import Became, Level
from proof.participation import Participation, participation
from proof.scores import POINTS, Counts, Points

Place = tuple[int, int]


class Visits(NamedTuple):
    """How many visits there were at a window in some days, and what became of them.

    `asked`: all of them. `rated`: those with a rating, by its level. `silent`: the node showed the prompt and nobody
    rated. `unshown`: nobody knows that it was shown. `missing`: the gateway says it was rated, and no rating is here.
    `surplus`: ratings beyond the first of a visit, and those with a token of no visit.
    """

    asked: int = 0
    rated: Counts = (0, 0, 0)
    silent: int = 0
    unshown: int = 0
    missing: int = 0
    surplus: int = 0

    @property
    def participation(self) -> Participation | None:
        """What the ratings say of everybody who was to be asked; None where that was nobody."""
        return self.said(POINTS)

    def said(self, points: Points) -> Participation | None:
        """Return the same by the weights in `points`."""
        return participation(self.rated, self.asked, points)

    def plus(self, other: "Visits") -> "Visits":
        """Return both together."""
        one, two = self.rated, other.rated
        rated = (one[0] + two[0], one[1] + two[1], one[2] + two[2])
        return Visits(
            self.asked + other.asked,
            rated,
            self.silent + other.silent,
            self.unshown + other.unshown,
            self.missing + other.missing,
            self.surplus + other.surplus,
        )


class _Known(NamedTuple):
    """What is known of a token: its visit (window, day, what became of it), and its ratings; `first`: where."""

    window: str
    day: str
    became: Became | None = None
    ratings: int = 0
    level: int = 0
    first: Place | None = None


class Ledger:
    """Takes in a ledger's visits and the ratings with a token, in whatever order."""

    def __init__(self) -> None:
        """Know of none."""
        self._known: dict[tuple[str, str], _Known] = {}

    def visit(self, node: str, token: str, window: str, day: str, became: Became) -> None:
        """Take in a visit at the city-wide `window` of the counter's `node` on `day`; told twice it is one."""
        known = self._known.get((node, token), _Known(window, day))
        if known.became is None:
            self._known[node, token] = known._replace(window=window, day=day, became=became)

    def rating(self, node: str, token: str, window: str, day: str, level: int, place: Place) -> None:
        """Take in a rating that counts, at `place` (position, number); of several the first is the visit's."""
        known = self._known.get((node, token), _Known(window, day))
        if known.first is None or place < known.first:
            known = known._replace(level=level, first=place)
        self._known[node, token] = known._replace(ratings=known.ratings + 1)

    def between(self, first: str, last: str) -> Mapping[str, Visits]:
        """Return by window what became of the visits of the days `first` to `last` (ISO, both included)."""
        found: dict[str, Visits] = {}
        for one in self._known.values():
            if first <= one.day <= last:
                found[one.window] = found.get(one.window, Visits()).plus(_of(one))
        return found


def together(visits: Iterable[Visits]) -> Visits:
    """Return all of them together."""
    found = Visits()
    for one in visits:
        found = found.plus(one)
    return found


def _of(one: _Known) -> Visits:
    if one.became is None:
        return Visits(surplus=one.ratings)
    if one.ratings:
        levels = (Level.SATISFIED, Level.BASIC, Level.DISSATISFIED)
        satisfied, basic, dissatisfied = (int(one.level == level) for level in levels)
        return Visits(asked=1, rated=(satisfied, basic, dissatisfied), surplus=one.ratings - 1)
    return Visits(
        asked=1,
        silent=int(one.became is Became.SILENT),
        unshown=int(one.became is Became.UNSHOWN),
        missing=int(one.became is Became.RATED),
    )
