"""How many people each unit served, and what their ratings say of all of them. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence

from contract.errors import SettingsError
from proof.given import Given, Wanted, given
from proof.participation import Participation, participation
from proof.scores import Counts, Points
from proof.sheet import Cell
from proof.units import Unit

# Not int() alone, which takes "1_000" and the digits of every script; a city serves fewer than ten thousand million.
_WHOLE = re.compile(r"[0-9]{1,10}")


def served(rows: Iterable[Sequence[Cell]], source: str) -> dict[str, Given[int]]:
    """Return how many people each code in `rows` served; raises `SettingsError` as `given`."""
    return given(rows, source, _WANTED)


def participations(
    counts: Mapping[Unit, Counts], people: Mapping[str, Given[int]], points: Points, source: str
) -> dict[str, Participation]:
    """Return by code what the ratings in `counts` say of all whom the unit served, where `people` has that.

    Raises `SettingsError`, which names `source`, the row and the unit, where there are more ratings than people.
    """
    found: dict[str, Participation] = {}
    for unit, n in counts.items():
        number = people.get(unit.code)
        if number is None:
            continue
        try:
            known = participation(n, number.figure, points)
        except ValueError as bad:
            what = f"{source}: row {number.row}: {unit.code}: {bad}"
            raise SettingsError(f"{what}; look up how many there were in the period, or take the row out") from bad
        if known is not None:
            found[unit.code] = known
    return found


def _people(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text) else None


_WANTED = Wanted("number", _people, "a whole number of people served, e.g. 1200")
