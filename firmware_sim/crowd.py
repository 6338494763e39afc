"""A seeded crowd: when people come to each window, and what they press. Pure: the same seed, the same city.

Arrivals are a Poisson stream for each window, thinned by the hour of the day. Opinions differ from window to window:
most windows stand between 88 and 98 percent (weights 1 / 0.6 / 0), a handful is clearly bad. No figure here is taken
from a survey; they are chosen so that the wall has something to show.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import NamedTuple

from contract.identity import node_of, township_of
from contract.rating import Level

DAY_S = 86_400.0
BAD_SHARE = 0.02  # of all windows, at least one
CHANGE_OF_MIND = 0.06
# Nobody's fingers repeat faster, and a second thought comes within the settle time or not at all.
_QUICKEST_S = 0.3
_LATEST_OF_SETTLE = 0.75
# How a window's shortfall from 100 percent is made up: by outright dissatisfaction, the rest by "basically".
_DISSATISFIED_SHARE = 0.5
_BASIC_WEIGHT = 0.6


class Profile(NamedTuple):
    """How busy a day is: `(hour, factor)` corners, straight lines between them, factors 0 to 1."""

    corners: tuple[tuple[float, float], ...]

    def at(self, second: float) -> float:
        """Return the factor at `second` of virtual time (0 is a midnight; days repeat)."""
        hour = second % DAY_S / 3600
        for (left, low), (right, high) in pairwise(self.corners):
            if hour <= right:
                return low + (high - low) * (hour - left) / (right - left)
        return self.corners[-1][1]


# A service hall: opens at half past eight, empties at noon, closes at half past five.
OFFICE = Profile(
    (
        (0, 0), (8.4, 0), (8.6, 0.5), (9.5, 1), (11.2, 1), (12, 0.3),
        (12.2, 0.12), (13.4, 0.12), (13.8, 0.7), (14.8, 0.9), (16.5, 0.8), (17.4, 0.3), (17.6, 0), (24, 0),
    )
)  # fmt: skip
ALWAYS = Profile(((0, 1), (24, 1)))
PROFILES = {"office": OFFICE, "always": ALWAYS}


class Temper(NamedTuple):
    """One window's public: its share of all visits (all windows sum to 1), and how likely each level is."""

    share: float
    satisfied: float
    basic: float
    dissatisfied: float

    @property
    def score(self) -> float:
        """The weighted satisfaction to expect, 0 to 1."""
        return self.satisfied + _BASIC_WEIGHT * self.basic


class Press(NamedTuple):
    """One press of a visit: seconds after its first, and the level."""

    after_s: float
    level: Level


class Visit(NamedTuple):
    """One person at a window: when (seconds of virtual time) and what is pressed; the last press is the choice."""

    at_s: float
    presses: tuple[Press, ...]


def tempers(seed: int, windows: Sequence[str]) -> dict[str, Temper]:
    """Return the public of each of `windows` (city-wide names)."""
    shares = {window: Random(f"{seed}/share/{window}").gammavariate(6, 1 / 6) for window in windows}
    whole = sum(shares.values())
    bad = (
        set(Random(f"{seed}/bad").sample(sorted(windows), max(1, round(BAD_SHARE * len(windows)))))
        if windows
        else set()
    )
    return {window: _temper(seed, window, shares[window] / whole, bad=window in bad) for window in windows}


def _temper(seed: int, window: str, share: float, *, bad: bool) -> Temper:
    own = Random(f"{seed}/temper/{window}")
    if bad:
        score = 0.5 + 0.25 * own.betavariate(2, 2)
    else:
        # Neighbours resemble each other: a township's windows share most of what sets them apart.
        place = Random(f"{seed}/place/{township_of(node_of(window))}").betavariate(2.2, 1.6)
        score = 0.88 + 0.1 * (0.65 * place + 0.35 * own.betavariate(2, 2))
    dissatisfied = (1 - score) * _DISSATISFIED_SHARE
    basic = (1 - score - dissatisfied) / (1 - _BASIC_WEIGHT)
    return Temper(share, 1 - basic - dissatisfied, basic, dissatisfied)


def visits(
    seed: int, window: str, temper: Temper, *, per_s: float, profile: Profile, begin_s: float, settle_s: float
) -> Iterator[Visit]:
    """Yield everybody who comes to `window` from `begin_s` (seconds of virtual time) on, endlessly, in order.

    `per_s` is the whole city's arrivals a second at the busiest hour. `settle_s` bounds how late a change of mind is.
    """
    own = Random(f"{seed}/visits/{window}")
    rate = per_s * temper.share
    at = begin_s
    while rate > 0:
        at += own.expovariate(rate)
        if own.random() < profile.at(at):
            yield Visit(at, _presses(own, temper, settle_s))


def _presses(own: Random, temper: Temper, settle_s: float) -> tuple[Press, ...]:
    presses = [Press(0.0, _level(own, temper))]
    latest = settle_s * _LATEST_OF_SETTLE
    while latest > _QUICKEST_S and own.random() < CHANGE_OF_MIND:
        presses.insert(0, Press(0.0, own.choice([level for level in Level if level is not presses[0].level])))
    after = 0.0
    timed = []
    for press in presses:
        timed.append(press._replace(after_s=after))
        after += own.uniform(_QUICKEST_S, max(latest, _QUICKEST_S))
    return tuple(timed)


def _level(own: Random, temper: Temper) -> Level:
    draw = own.random()
    if draw < temper.satisfied:
        return Level.SATISFIED
    return Level.BASIC if draw < temper.satisfied + temper.basic else Level.DISSATISFIED
