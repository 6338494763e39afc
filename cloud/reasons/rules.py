"""What may be left beside a dissatisfied rating, how it is written, and until when. Pure."""

import unicodedata
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, get_args

from cloud.calendar import MINUTE_MS
from cloud.contacts.rules import Contact, NotTaken, contact_of, has_number
from cloud.people.rules import Role
from contract.errors import ManyiError
from contract.rating import Level

Reason = Literal["waited", "attitude", "materials", "again", "undone", "other"]
REASONS: tuple[Reason, ...] = get_args(Reason)
MOST_TEXT: Final = 200
# Whoever was dissatisfied is to have time to say why, and nobody else who finds the telephone's page open.
LEAVE_MS: Final = 30 * MINUTE_MS
# Who reads a citizen's own words. No clerk, who may have sat at the window, and would know them by these.
MAY_READ: frozenset[Role] = frozenset({"township", "supervisor", "operator", "admin", "auditor"})
_BREAKS = str.maketrans("\r\n\t\u2028\u2029", "     ")
# Those that turn round what is shown behind them are no letters either.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_CONTROLS = frozenset({"Cc", "Cs", "Cn", "Co"})

Why = Literal["unknown", "late", "level", "choice", "text", "number", "empty", "telephone", "consent"]
STATUS: Mapping[Why, int] = {"unknown": 403, "late": 403, "level": 403}
# Which field of the form is to be mended.
FIELDS: Mapping[Why, str] = {
    "choice": "reason",
    "text": "text",
    "number": "text",
    "empty": "reason",
    "telephone": "telephone",
    "consent": "consent",
}


class NotLeft(ManyiError):  # noqa: N818  (as in `contract.errors`: the name says what happened)
    """What is not taken beside a rating; nothing has happened. `why` is the countable reason.

    unknown: no rating here has this receipt. late: its time is over. level: it was not dissatisfied. choice: no reason
    of ours. text: too long, or with characters that are none. number: with a telephone in it. empty: nothing at all.
    telephone, consent: as a contact's.
    """

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


class Left(NamedTuple):
    """What was left: a reason of `REASONS` or "", the citizen's own words or "", and a contact if there is one."""

    reason: str
    text: str
    contact: Contact | None


class Told(NamedTuple):
    """A reason as a case shows it; `text` is "" for whoever may not read it."""

    reason: str
    text: str


def left_of(reason: str, text: str, telephone: str, *, consent: bool) -> Left:
    """Return what somebody filled in; raises `NotLeft`."""
    if reason and reason not in REASONS:
        raise NotLeft("choice")
    words = unicodedata.normalize("NFC", text).translate(_BREAKS).strip()
    if len(words) > MOST_TEXT or any(_is_none(one) for one in words):
        raise NotLeft("text")
    if has_number(words):
        raise NotLeft("number")
    contact = None
    if telephone.strip():
        try:
            contact = contact_of(telephone, "", consent=consent)
        except NotTaken as bad:
            raise NotLeft("consent" if bad.why == "consent" else "telephone") from bad
    if not reason and not words and contact is None:
        raise NotLeft("empty")
    return Left(reason, words, contact)


def check(level: Level, at: int, now: int) -> None:
    """Raise `NotLeft` where nothing may be left at `now` beside a rating of this `level` taken `at`; ms."""
    if level != Level.DISSATISFIED:
        raise NotLeft("level")
    if now - at > LEAVE_MS:
        raise NotLeft("late")


def told_to(role: Role, found: list[Told]) -> list[Told]:
    """Return what of `found` somebody of this `role` reads."""
    if role in MAY_READ:
        return found
    return [one._replace(text="") for one in found if one.reason]


def _is_none(one: str) -> bool:
    return unicodedata.category(one) in _CONTROLS or one in _TURNING
