"""Roles, and the place to which each is confined. Pure.

A person has one role and one place: a clerk a window, a township's people their township, a supervisor a county, and
everybody else the whole city. A place covers itself and all that lies in it, and nothing else.
"""

import re
from typing import Literal, NamedTuple, get_args

from cloud.hours.rules import CITY
from contract.identity import NODE, TOWNSHIP, WINDOW, county_of, township_of

# wall: reads the board. auditor: reads the ledger, changes nothing.
Role = Literal["wall", "clerk", "township", "supervisor", "operator", "auditor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
# Who sees a single rating with its window at once; everybody else when others came or time passed.
AT_ONCE: frozenset[Role] = frozenset({"operator", "admin"})

_COUNTY = re.compile(r"[0-9]{6}")
_PLACE_OF: dict[Role, re.Pattern[str]] = {
    "clerk": re.compile(f"{NODE.pattern}/{WINDOW.pattern}"),
    "township": TOWNSHIP,
    "supervisor": _COUNTY,
}


class Person(NamedTuple):
    """Who asks: a person's account or a program's token, by its `name`, with what it may be."""

    name: str
    role: Role
    place: str


def within(place: str, scope: str) -> bool:
    """Whether `place` (city, county, township, node or window) is `scope` or lies in it."""
    if scope in {CITY, place}:
        return True
    if _COUNTY.fullmatch(scope):
        return place != CITY and len(place) > len(scope) and county_of(place) == scope
    if TOWNSHIP.fullmatch(scope):
        return len(place) > len(scope) and township_of(place) == scope and not place[len(scope)].isdigit()
    return False


def fits(role: Role, place: str) -> bool:
    """Whether a person of `role` can be confined to `place`."""
    wanted = _PLACE_OF.get(role)
    return place == CITY if wanted is None else wanted.fullmatch(place) is not None
