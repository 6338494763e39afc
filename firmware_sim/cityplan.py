"""A city on paper: which townships have windows, and on which nodes they hang. Pure: the same seed, the same plan."""

from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from contract.config import WindowPins
from contract.identity import county_of, window_id

GATEWAY = "g0"
MOST_WINDOWS = 4  # to a node: six lines a window, and BCM 0 to 3 stay free (two of them have fixed pull-ups)
_FIRST_LINE = 4
_LINES = 6
_TOWNSHIPS = 30
_WINDOWS_A_TOWNSHIP = 10


class NodePlan(NamedTuple):
    """One node with its 1 to 4 windows."""

    name: str
    wiring: tuple[WindowPins, ...]

    @property
    def windows(self) -> list[str]:
        """Return the city-wide names of its windows."""
        return [window_id(self.name, pins.id) for pins in self.wiring]


class TownshipPlan(NamedTuple):
    """One township: its gateway and its nodes."""

    code: str
    nodes: tuple[NodePlan, ...]

    @property
    def gateway(self) -> str:
        """Return the gateway's name on the wire."""
        return f"{self.code}-{GATEWAY}"


def wiring(number: int) -> WindowPins:
    """Return the pins of a node's `number`th window (1 to 4)."""
    first = _FIRST_LINE + _LINES * (number - 1)
    return WindowPins(f"{number:02d}", *range(first, first + _LINES))


def usual_townships(windows: int) -> int:
    """Return how many townships a demo of so many windows is spread over: 30 from 300 windows on."""
    return max(1, min(_TOWNSHIPS, windows // _WINDOWS_A_TOWNSHIP))


def lay_out(codes: Sequence[str], *, windows: int, townships: int, seed: int) -> list[TownshipPlan]:
    """Spread `windows` over so many `townships`, chosen out of all `codes` (9 digits each).

    Every county gets its first township before any gets its second, as far as there are counties and townships to
    choose. Raises `ValueError` for numbers that cannot be laid out.
    """
    if not 1 <= townships <= len(codes):
        raise ValueError(f"townships: 1 to {len(codes)} are there, got {townships}")
    if windows < townships:
        raise ValueError(f"windows: at least one for each of {townships} townships, got {windows}")
    random = Random(f"{seed}/plan")
    chosen = _choose(codes, townships, random)
    extra = random.choices(range(townships), weights=[random.uniform(0.5, 1.5) for _ in chosen], k=windows - townships)
    return [_township(code, 1 + extra.count(index), random) for index, code in enumerate(chosen)]


def _choose(codes: Sequence[str], count: int, random: Random) -> list[str]:
    counties: defaultdict[str, list[str]] = defaultdict(list)
    for code in codes:
        counties[county_of(code)].append(code)
    turns: list[tuple[float, float, str]] = []
    for places in counties.values():
        random.shuffle(places)
        for turn, code in enumerate(places):
            # A county's first township comes before anybody's second; from then on large counties come more often.
            due = (turn + random.random()) / len(places) if turn else 0.0
            turns.append((due, random.random(), code))
    return sorted(code for _, _, code in sorted(turns)[:count])


def _township(code: str, windows: int, random: Random) -> TownshipPlan:
    nodes: list[NodePlan] = []
    while windows:
        size = min(windows, random.randint(1, MOST_WINDOWS))
        nodes.append(NodePlan(f"{code}-a{len(nodes) + 1}", tuple(wiring(number + 1) for number in range(size))))
        windows -= size
    return TownshipPlan(code, tuple(nodes))
