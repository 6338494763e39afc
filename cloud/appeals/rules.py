"""When a line can be appealed against, and what can be done about an appeal. Pure.

Who may ask for which of it, and of which places, is the door's table to say.
"""

from collections.abc import Mapping

from cloud.appeals.appeal import DEEDS, Appeal, AppealRefused, Deed, State, Wish
from cloud.cases.moves import LEAST_TEXT
from cloud.cases.request import MOST_TEXT
from cloud.hours.rules import CITY
from proof.report import Stage

_AFTER: Mapping[Deed, State] = {"grant": "granted", "refuse": "refused", "withdraw": "withdrawn"}


def open_until(stage: Stage, until: int, number: int, newest: int, now: int) -> int | None:
    """Until when (ms) edition `number` of a period may be appealed against at `now`; None: it may not.

    `newest`: the number of the period's newest edition. An older one is settled by it: what is wrong in both is said
    of the newer.
    """
    return until if stage == "appeal" and number == newest and now < until else None


def filed(number: int, wish: Wish, by: str, at: int) -> Appeal:
    """The appeal of this number that `by` files at `at` (ms). Raises `AppealRefused` where its reason is no text."""
    reason = _text(wish.reason, LEAST_TEXT)
    return Appeal(number, *wish._replace(reason=reason), by, at, "filed", "", None, None, 1)


def possible(appeal: Appeal, name: str) -> list[Deed]:
    """What the account or program `name` could do about `appeal` now, if the door lets it."""
    return [deed for deed in DEEDS if _objection(appeal, deed, name) is None]


def acted(appeal: Appeal, deed: Deed, text: str, by: str, at: int) -> Appeal:
    """`appeal` after `by` did `deed` at `at` (ms), saying `text`. Raises `AppealRefused`."""
    if (refused := _objection(appeal, deed, by)) is not None:
        raise refused
    answer = _text(text, 0 if deed == "withdraw" else LEAST_TEXT)
    return appeal._replace(state=_AFTER[deed], answer=answer, decided_by=by, decided_at=at, version=appeal.version + 1)


def pattern_of(place: str) -> str:
    """By which LIKE the codes of the units are found that are `place` or lie in it."""
    if place == CITY:
        return "%"
    return place if "/" in place else f"{place}%"


def _objection(appeal: Appeal, deed: Deed, name: str) -> AppealRefused | None:
    if not appeal.undecided:
        return AppealRefused("state", f"{deed}: appeal {appeal.number} is {appeal.state}")
    if deed == "withdraw" and name != appeal.filed_by:
        return AppealRefused("others", f"appeal {appeal.number} is withdrawn by who filed it, {appeal.filed_by}")
    if deed != "withdraw" and name == appeal.filed_by:
        return AppealRefused("own", f"appeal {appeal.number} is decided by somebody else than who filed it")
    return None


def _text(said: str, least: int) -> str:
    text = said.strip()
    # A zero is no letter, and no database takes it for one.
    if not least <= len(text) <= MOST_TEXT or "\0" in text:
        raise AppealRefused("content", f"give a text of {least} to {MOST_TEXT} characters")
    return text
