"""Whom a report judges: city, counties, townships and windows; each name says where it belongs. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from contract.identity import county_of, township_of
from proof.scores import Counts, plus

NONE: Counts = (0, 0, 0)
CITY = "city"


class Kind(StrEnum):
    """What a unit is, from the greatest to the smallest."""

    CITY = "city"
    COUNTY = "county"
    TOWNSHIP = "township"
    WINDOW = "window"


class Unit(NamedTuple):
    """`code`: "city", 6 digits, 9 digits or a window's city-wide name. A window has no other name."""

    kind: Kind
    code: str
    zh: str
    en: str


def window(code: str) -> Unit:
    """Return the window with the city-wide name `code`."""
    return Unit(Kind.WINDOW, code, code, code)


def of_window(code: str) -> Iterator[tuple[Kind, str]]:
    """Every unit that the window belongs to, itself first."""
    yield Kind.WINDOW, code
    yield Kind.TOWNSHIP, township_of(code)
    yield Kind.COUNTY, county_of(code)
    yield Kind.CITY, CITY


def counted(windows: Mapping[str, Counts], known: Iterable[Unit]) -> dict[Unit, Counts]:
    """The ratings of each `known` unit and of each that has some, in the order of kinds and codes.

    A unit that is rated and not known is called by its code: a place that the registry forgot keeps its ratings.
    """
    units = {(unit.kind, unit.code): unit for unit in known}
    sums: dict[tuple[Kind, str], Counts] = dict.fromkeys(units, NONE)
    for code, counts in windows.items():
        for key in of_window(code):
            sums[key] = plus(sums.get(key, NONE), counts)
    order = {kind: place for place, kind in enumerate(Kind)}
    return {
        units.get(key, Unit(*key, key[1], key[1])): sums[key]
        for key in sorted(sums, key=lambda key: (order[key[0]], key[1]))
    }
