"""How a citizen's contact is written and masked, and what else is asked for with it. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Final, Literal

import msgspec

from cloud.calendar import HOUR_MS
from cloud.people.rules import LEADERS, Role
from contract.errors import ManyiError

MOST_NAME: Final = 20
LEAST_REASON, MOST_REASON = 2, 200
# Whoever acts in a case; for a clerk, who may have sat at the window, even the masked form would say too much.
MAY: frozenset[Role] = LEADERS
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_LANDLINE = re.compile(r"(010|02[0-9]|0[3-9][0-9]{2})([2-8][0-9]{6,7})")
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015]+")
# As many digits as the shortest telephone has, with anything between them but letters.
_NUMBER = re.compile(r"\d(?:[\W_]*\d){6}")
# What is written like a day, and times of day, which are no part of a telephone.
_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)([-/.])(\d{1,2})\2(\d{1,2})(?!\d)")
_TIME = re.compile(r"(?<![\d:])(?:[01]?\d|2[0-3])(?::[0-5]\d){1,2}(?![\d:])")
# Of a landline with a three-digit area code the number has eight digits.
_SHORT_AREA, _EIGHT = 3, 8

Why = Literal["telephone", "name", "consent", "reason", "number_in_reason", "too_many", "none", "gone"]
STATUS: Mapping[Why, int] = {
    "telephone": 400,
    "name": 400,
    "consent": 400,
    "reason": 400,
    "number_in_reason": 400,
    "too_many": 429,
    "none": 404,
    "gone": 500,
}
_SAID: Mapping[Why, str] = {
    "telephone": "telephone: a mainland mobile of 11 digits, or a landline with its area code",
    "name": f"name: at most {MOST_NAME} characters that can be printed",
    "consent": "consent: the citizen has to have agreed that this is kept",
    "reason": f"reason: say why in {LEAST_REASON} to {MOST_REASON} characters",
    "number_in_reason": "reason: leave the telephone and any seven digits out of it, since what is written there stays",
    "too_many": "you have read as many contacts within an hour as one may: again later",
    "none": "this case has no contact, or it was deleted",
    "gone": "the contact's file cannot be read: tell the city's administrator",
}


class NotTaken(ManyiError):  # noqa: N818  (as in `contract.errors`: the name says what happened)
    """What cannot be done with a contact; nothing has happened. `why` is the countable reason."""

    def __init__(self, why: Why) -> None:
        super().__init__(_SAID[why])
        self.why = why


class Contact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file holds: a telephone (digits; of a landline a hyphen behind its area code), and how to call them."""

    telephone: str
    name: str = ""

    def __repr__(self) -> str:
        """Masked, so that no log has it by accident."""
        return f"Contact({masked_telephone(self.telephone)}, {masked_name(self.name)})"


def contact_of(telephone: str, name: str, *, consent: bool) -> Contact:
    """Return the contact that somebody typed; raises `NotTaken`."""
    digits = _SEPARATORS.sub("", unicodedata.normalize("NFKC", telephone))
    landline = _LANDLINE.fullmatch(digits)
    if landline is not None and len(landline[1]) == _SHORT_AREA and len(landline[2]) != _EIGHT:
        landline = None
    if landline is None and not _MOBILE.fullmatch(digits):
        raise NotTaken("telephone")
    name = name.strip()
    if len(name) > MOST_NAME or not name.isprintable():
        raise NotTaken("name")
    if not consent:
        raise NotTaken("consent")
    return Contact(digits if landline is None else f"{landline[1]}-{landline[2]}", name)


def masked_telephone(telephone: str) -> str:
    """Return a normalised `telephone` without four of its digits: 138****5678, 0530-****567."""
    area, hyphen, number = telephone.rpartition("-")
    if hyphen:
        return f"{area}-****{number[4:]}"
    return f"{telephone[:3]}****{telephone[7:]}"


def masked_name(name: str) -> str:
    """Return the first letter of `name`, and that there is more: 王**."""
    return f"{name[0]}**" if name else ""


def reason_of(text: str) -> str:
    """Return why somebody reads or deletes a contact; raises `NotTaken`.

    Seven digits with no letter between them are taken for a telephone, but for days that there are and times of day.
    """
    text = text.strip()
    if not LEAST_REASON <= len(text) <= MOST_REASON or not text.isprintable():
        raise NotTaken("reason")
    if has_number(text):
        raise NotTaken("number_in_reason")
    return text


def has_number(text: str) -> bool:
    """Whether seven digits stand in `text` with no letter between them, which days and times of day are not."""
    return bool(_NUMBER.search(_TIME.sub(" ", _DAY.sub(_without_day, unicodedata.normalize("NFKC", text)))))


def _without_day(found: re.Match[str]) -> str:
    """Nothing for a day of the calendar; what else was found stays."""
    try:
        date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        return found[0]
    return " "


def ended_before(now: int, days: int) -> int:
    """Of cases that ended by then (ms) the contact is deleted at `now`."""
    return now - days * 24 * HOUR_MS


def hour_before(now: int) -> int:
    """From when on (ms) readings count against somebody who wants to read at `now`."""
    return now - HOUR_MS
