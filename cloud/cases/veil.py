"""From when on a rating is seen, and how much of it: who sits at a window is not to learn who rated it so. Pure.

The city (operators and admins) sees everything at once and to the millisecond. Everybody else sees a rating when others
have come at its window after it, or else a while later; either way at a full multiple of some minutes, so that the
moment at which it appears does not give away the one at which it was pressed, nor how many came after it. They see
hours instead of moments and no numbers: who counts the citizens at a window would know them by these. A case of which
they see no rating is not there for them.
"""

from typing import NamedTuple

from cloud.calendar import MINUTE_MS, Calendar
from cloud.cases.case import Case, Rating, Step
from cloud.people.rules import AT_ONCE, Person
from contract.veil import Veil, full

# Later than every `seen_from`.
FOREVER = 1 << 60
# Steps that come about as the citizen presses.
_CITIZENS = frozenset({"open", "leave_contact"})


class Viewer(NamedTuple):
    """Who looks: whether at once, and when (`now`, ms)."""

    at_once: bool
    now: int

    @property
    def until(self) -> int:
        """Ratings that are seen from later on (ms) are not there."""
        return FOREVER if self.at_once else self.now


def viewer_of(person: Person, now: int) -> Viewer:
    """How `person` sees cases at `now` (ms)."""
    return Viewer(person.role in AT_ONCE, now)


def seen_from(received_at: int, others: int, now: int, veil: Veil) -> int:
    """From when (ms) a rating received at `received_at` is seen, which at `now` had `others` after it."""
    by_time = full(received_at + veil.minutes * MINUTE_MS, veil)
    return min(full(now, veil), by_time) if others >= veil.others else by_time


def unseen_from(now: int, veil: Veil) -> int:
    """What was received later than this moment (ms) is not seen yet at `now`, if no others came after it."""
    every = veil.minutes * MINUTE_MS
    return now // every * every - every


def shown(case: Case, pressed: tuple[int, int], viewer: Viewer, calendar: Calendar) -> Case:
    """`case` as `viewer` sees it: of the ratings that it sees the first and the last were `pressed` then (ms)."""
    if viewer.at_once:
        return case
    state_at = calendar.hour(case.state_at) if case.state_at == case.opened_at else case.state_at
    return case._replace(
        opened_at=calendar.hour(case.opened_at),
        first_at=calendar.hour(pressed[0]),
        newest_at=calendar.hour(pressed[1]),
        since=calendar.hour(case.since),
        state_at=state_at,
    )


def shown_rating(rating: Rating, viewer: Viewer, calendar: Calendar) -> Rating:
    """`rating` as `viewer` sees it: the hour, and 0 and "" for what would name it."""
    if viewer.at_once:
        return rating
    hour = calendar.hour
    return rating._replace(
        epoch="",
        seq=0,
        position=0,
        others=0,
        at=hour(rating.at),
        received_at=hour(rating.received_at),
        seen_from=hour(rating.seen_from),
    )


def shown_step(step: Step, viewer: Viewer, calendar: Calendar) -> Step:
    """`step` as `viewer` sees it."""
    if viewer.at_once or step.action not in _CITIZENS:
        return step
    return step._replace(at=calendar.hour(step.at))
