"""Roles, and the place to which each is confined. Pure.

A person has one role and one place: a clerk a window, a township's people their township, a supervisor a county, and
everybody else the whole city. A place covers itself and all that lies in it, and nothing else.
"""

import re
from typing import Literal, NamedTuple, get_args

from cloud.hours.rules import CITY
from contract.errors import SettingsError
from contract.identity import COUNTER, TOWNSHIP, WINDOW, county_of, township_of

# wall: reads the board. auditor: reads the ledger, changes nothing.
Role = Literal["wall", "clerk", "township", "supervisor", "operator", "auditor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
# Who sees a single rating with its window at once; everybody else when others came or time passed.
AT_ONCE: frozenset[Role] = frozenset({"operator", "admin"})
# Who can be a leader on duty: whoever may act in a place. A clerk sees one window, an auditor changes nothing.
LEADERS: frozenset[Role] = frozenset({"township", "supervisor", "operator", "admin"})

# How a name is written that somebody types to come in; those in `RESERVED` stand for nobody in the log of changes.
RESERVED = frozenset({"system", "citizen", "machine", "registration"})
NAME = re.compile(r"[a-z][a-z0-9._-]{1,31}")
# Good enough to tell a mailbox from a slip, and safe in the header of a mail.
_MAILBOX = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_COUNTY = re.compile(r"[0-9]{6}")
# A township, a node or a window.
_INNER = re.compile(f"{TOWNSHIP.pattern}|{COUNTER.pattern}(/{WINDOW.pattern})?")
_PLACE_OF: dict[Role, re.Pattern[str]] = {
    "clerk": re.compile(f"{COUNTER.pattern}/{WINDOW.pattern}"),
    "township": TOWNSHIP,
    "supervisor": _COUNTY,
}
_KIND_OF: dict[Role, str] = {
    "clerk": "a clerk's is a window, such as 371721121-a1/02",
    "township": "a township's is its 9 digits",
    "supervisor": "a supervisor's is a county, 6 digits",
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
    if not _INNER.fullmatch(place):
        # What is no place lies nowhere, whatever it begins with.
        return False
    return scope in {county_of(place), township_of(place)}


def fits(role: Role, place: str) -> bool:
    """Whether a person of `role` can be confined to `place`."""
    wanted = _PLACE_OF.get(role)
    return place == CITY if wanted is None else wanted.fullmatch(place) is not None


def person_of(name: str, role: str, place: str) -> Person:
    """Return who may be what where; `SettingsError` says which of the three cannot be."""
    if not NAME.fullmatch(name) or name in RESERVED:
        raise SettingsError(f"name {name!r}: 2 to 32 small letters, digits, and . _ - after a letter")
    if role not in ROLES:
        raise SettingsError(f"role {role!r}: it is one of {', '.join(ROLES)}")
    if not fits(role, place):
        raise SettingsError(f"place {place!r}: {_KIND_OF.get(role, 'the role is for the whole city, so city')}")
    return Person(name, role, place)


def mailbox_of(text: str) -> str | None:
    """Return the mailbox that `text` is, None where it is empty; `SettingsError` where it cannot be one."""
    if text and not _MAILBOX.fullmatch(text):
        raise SettingsError("mail: it is written such as li.min@heze.gov.cn")
    return text or None


MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
# A session ends when nobody has asked for anything for so long, and after a long day in any case.
IDLE_MS = 2 * HOUR_MS
LONGEST_MS = 12 * HOUR_MS
# One-time links: the first one is printed on a screen that others may pass, the others are sent.
FIRST_LINK_MS = HOUR_MS
LINK_MS = 72 * HOUR_MS
# After so many wrong passwords in a row an account is locked for a while, whoever tries.
FAILURES = 5
LOCKED_MS = 15 * MINUTE_MS

SHORTEST, LONGEST = 12, 200
_LEAST_LETTERS = 5


def weak(password: str, name: str) -> str | None:
    """Why `password` is not taken for the account `name`, as the word for it on screens; None where it is.

    By length and by what a guesser tries first; NIST SP 800-63B advises against rules of composition.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        return "password.length"
    if name in password.lower() or len(set(password)) < _LEAST_LETTERS or password.isdigit():
        return "password.guessable"
    return None


def locked_until(failures: int, now: int) -> int | None:
    """Until when (ms) an account is locked after so many `failures` in a row, the last of them `now`."""
    return now + LOCKED_MS if failures >= FAILURES else None


def lasts(seen_at: int, ends_at: int, now: int) -> bool:
    """Whether a session that was last used at `seen_at` and ends at `ends_at` still holds (all ms)."""
    return now < min(seen_at + IDLE_MS, ends_at)
