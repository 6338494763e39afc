"""Whom a report judges: places, windows, and who had a window for a time; each name says where it belongs. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple, TypeVar

from contract.identity import county_of, township_of
from proof.scores import Counts, plus
from proof.span import Span

T = TypeVar("T")
NONE: Counts = (0, 0, 0)
CITY = "city"


class Kind(StrEnum):
    """What a unit is: first what each rating's window says by its name, from the greatest to the smallest.

    Then who had the window in that minute, if anybody: an office, and whoever was on duty.
    """

    CITY = "city"
    COUNTY = "county"
    TOWNSHIP = "township"
    WINDOW = "window"
    OFFICE = "office"
    PERSON = "person"


# Those that there are only where the registry says whose a window was.
STAFFED = (Kind.OFFICE, Kind.PERSON)


class Unit(NamedTuple):
    """`code`: "city", 6 digits, 9 digits, a window's city-wide name, which is its only one, an office's or a person's.

    `spans`: when the registry had it, none where that was all the period; `gone`: it ended before the period began.
    """

    kind: Kind
    code: str
    zh: str
    en: str
    spans: tuple[Span, ...] = ()
    gone: bool = False


def parent(unit: Unit) -> str | None:
    """Return the code of the unit that `unit` is a part of; None for the city."""
    match unit.kind:
        case Kind.WINDOW | Kind.OFFICE | Kind.PERSON:
            return township_of(unit.code)
        case Kind.TOWNSHIP:
            return county_of(unit.code)
        case Kind.COUNTY:
            return CITY
        case Kind.CITY:
            return None


def families(units: Iterable[Unit]) -> Iterator[list[Unit]]:
    """The `units` of each parent together, each kind by itself: the ratings of one are those of another kind too."""
    found: defaultdict[tuple[Kind, str], list[Unit]] = defaultdict(list)
    for unit in units:
        if (above := parent(unit)) is not None:
            found[unit.kind, above].append(unit)
    yield from found.values()


def of_window(code: str) -> Iterator[tuple[Kind, str]]:
    """Every unit that the window belongs to, itself first."""
    yield Kind.WINDOW, code
    yield Kind.TOWNSHIP, township_of(code)
    yield Kind.COUNTY, county_of(code)
    yield Kind.CITY, CITY


def by_unit(windows: Mapping[str, T], plus_: Callable[[T, T], T]) -> dict[tuple[Kind, str], T]:
    """What `windows` have, by each unit that they belong to, added up by `plus_`."""
    found: dict[tuple[Kind, str], T] = {}
    for code, one in windows.items():
        for key in of_window(code):
            found[key] = plus_(found[key], one) if key in found else one
    return found


def counted(windows: Mapping[str, Counts], known: Iterable[Unit]) -> dict[Unit, Counts]:
    """The ratings of each `known` unit and of each that has some, in the order of kinds and codes.

    A rating counts where its window's name says, whatever became of the place since. One that is gone is there only
    with ratings, and a unit that is rated and not known is called by its code: neither ever loses what it was given.
    """
    units = {(unit.kind, unit.code): unit for unit in known}
    sums = {key: NONE for key, unit in units.items() if not unit.gone}
    for code, counts in windows.items():
        for key in of_window(code):
            sums[key] = plus(sums.get(key, NONE), counts)
    order = {kind: place for place, kind in enumerate(Kind)}
    return {
        units.get(key, Unit(*key, key[1], key[1])): sums[key]
        for key in sorted(sums, key=lambda key: (order[key[0]], key[1]))
    }
