"""Coming to a window and leaving it, by a full minute; nobody's rostered duty is taken from them. Pure."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from cloud.calendar import MINUTE_MS
from cloud.staffing.rules import Tenure
from contract.identity import PERSON, township_of

Why = Literal["no_code", "elsewhere", "no_window", "taken", "sits", "nobody"]


class Held(NamedTuple):
    """A duty at a window; `signed`: it began by a sign-in, and nobody has said otherwise since."""

    tenure: Tenure
    signed: bool


class Unseated(Exception):  # noqa: N818  (it says what happened)
    """Somebody cannot sit down, or leave; `held` is the duty that stands in the way."""

    def __init__(self, why: Why, held: Tenure | None = None) -> None:
        super().__init__(why)
        self.why: Why = why
        self.held = held


def next_minute(now: int) -> int:
    """Return when (ms) the next full minute begins: what was rated in this one was somebody else's."""
    return (now // MINUTE_MS + 1) * MINUTE_MS


def check_person(person: str | None, window: str) -> str:
    """Return the code `person` of whoever works at `window`. Raises `Unseated` for none, and for another township's."""
    if not person or not PERSON.fullmatch(person):
        raise Unseated("no_code")
    if township_of(person) != township_of(window):
        raise Unseated("elsewhere")
    return person


def sit(held: Sequence[Held], window: str, person: str, begin: int, midnight: int) -> list[Tenure]:
    """Return what changes when `person` sits down at `window` from `begin` on: their own duty stands last.

    It ends at `midnight`, or when somebody's rostered one begins. Whoever had signed in there before leaves then.
    Raises `Unseated` where they sit there already, and where it is somebody's by the roster.
    """
    changed = []
    for one, signed in _standing(held):
        if not _holds(one, begin):
            continue
        if one.code == person:
            raise Unseated("sits", one)
        if not signed:
            raise Unseated("taken", one)
        if one.valid_from < begin:
            changed.append(one._replace(valid_to=begin))
    later = [one.valid_from for one, _ in _standing(held) if begin < one.valid_from]
    return [*changed, Tenure(window, begin, min([midnight, *later]), person)]


def leave(held: Sequence[Held], person: str, end: int) -> Tenure:
    """Return the duty of `person` as it is when it ends at `end`, which is taken back where it was to begin then.

    Raises `Unseated` where they do not sit there, and where they do so by the roster: that is not theirs to change.
    """
    for one, signed in _standing(held):
        if one.code == person and (_holds(one, end - 1) or one.valid_from == end):
            if not signed:
                raise Unseated("taken", one)
            return one._replace(valid_to=end)
    raise Unseated("nobody")


def sitting(held: Iterable[Held], now: int) -> Held | None:
    """Who sits there at `now` (ms), or has signed in from the next minute on."""
    for moment in (next_minute(now), now):
        for one in _standing(held):
            if _holds(one.tenure, moment):
                return one
    return None


def _standing(held: Iterable[Held]) -> list[Held]:
    """Those that were not taken back."""
    return [one for one in held if one.tenure.valid_to != one.tenure.valid_from]


def _holds(one: Tenure, at: int) -> bool:
    return one.valid_from <= at and (one.valid_to is None or at < one.valid_to)
