"""When a day of the ledger is to be closed, and what the wall says of it. Pure."""

from cloud.board.picture import LastSeal
from cloud.calendar import Calendar
from proof.seals import Sealed


def shown(one: Sealed) -> LastSeal:
    """What the wall says of a seal."""
    return LastSeal(one.seal.number, one.seal.day, one.seal.last, one.seal.root)


def day_to_close(newest: Sealed | None, now: int, calendar: Calendar) -> str | None:
    """The day that is over at `now` (ms) and that the `newest` seal did not close; None where it did.

    A city that was away over midnights closes them all at once: the last of them names the seal. One whose clock went
    forward and came back has a seal of a day to come, and closes yesterday all the same.
    """
    over = yesterday(now, calendar)
    return None if newest is not None and newest.seal.day == over else over


def yesterday(now: int, calendar: Calendar) -> str:
    """The newest day that is over at `now` (ms)."""
    return calendar.later(calendar.day(now), -1)
