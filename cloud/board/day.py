"""The counts of one day by window, township, county and city; they add up because one addition feeds all four. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from cloud.board.picture import City, Unit
from contract.identity import county_of, township_of
from proof.scores import BINS, Counts, colour_bin, difference, interval, percent, percent_interval, shares

_ZERO: Counts = (0, 0, 0)


def unit(n: Counts, least: int) -> Unit:
    """Return what is shown of a place with counts `n`."""
    score = percent(n)
    return Unit(n, score, colour_bin(score, sum(n), least=least, edges=BINS))


def city(n: Counts, week_ago: Counts, least: int) -> City:
    """Return what is shown of a city with counts `n` today, and `week_ago` by the same minute a week before."""
    plain = unit(n, least)
    split = shares(n)
    if split is None:
        return City(n, None, None, low=None, high=None, top=None, bottom=None, week_change=None)
    low, high = percent_interval(interval(n))
    change = difference(n, week_ago) if min(sum(n), sum(week_ago)) >= least else None
    top, bottom = split.satisfied, split.dissatisfied
    return City(n, plain.score, plain.bin, low=low, high=high, top=top, bottom=bottom, week_change=change)


class Day:
    """Counts of one day, and which places changed since `changed` was last taken.

    `townships` are always there, with zeros before the first rating; a township that the registry does not know still
    counts, so that the city stays the sum of its parts.
    """

    def __init__(self, townships: Iterable[str] = ()) -> None:
        self.windows: defaultdict[str, Counts] = defaultdict(lambda: _ZERO)
        self.townships: dict[str, Counts] = {}
        self.counties: dict[str, Counts] = {}
        self.city: Counts = _ZERO
        self.changed: set[str] = set()
        self.know(townships)

    def know(self, townships: Iterable[str]) -> None:
        """Take part of further `townships` (and their counties), as yet without ratings."""
        for township in sorted(townships):
            if township not in self.townships:
                self.townships[township] = _ZERO
                self.counties.setdefault(county_of(township), _ZERO)
                self.changed.add(township)

    def of(self, place: str) -> Counts:
        """The counts of a township (9 digits) or county (6 digits)."""
        return self.townships.get(place) or self.counties.get(place, _ZERO)

    def add(self, window: str, n: Counts) -> None:
        """Count `n` at the city-wide `window`."""
        satisfied, basic, dissatisfied = n
        before = self.windows[window]
        self.windows[window] = (before[0] + satisfied, before[1] + basic, before[2] + dissatisfied)
        township = township_of(window)
        before = self.townships.get(township, _ZERO)
        self.townships[township] = (before[0] + satisfied, before[1] + basic, before[2] + dissatisfied)
        county = county_of(window)
        before = self.counties.get(county, _ZERO)
        self.counties[county] = (before[0] + satisfied, before[1] + basic, before[2] + dissatisfied)
        before = self.city
        self.city = (before[0] + satisfied, before[1] + basic, before[2] + dissatisfied)
        self.changed.add(township)

    def add_all(self, windows: Mapping[str, Counts]) -> None:
        """Count many windows at once."""
        for window, n in windows.items():
            self.add(window, n)
