"""What of a hall's paper holds at a moment, and what may be said of its codes. Pure."""

from collections.abc import Iterable

from contract.codes import MINUTE_MS
from contract.hall import Notice, OnDuty
from transport.dating import Dated

# A gateway says hello every minute, and again after up to half a minute. Who has not answered for longer is not there.
QUIET_MS = 150_000
# A line that broke is told sooner; one that is just being opened is none that broke.
BROKEN_MS = 10_000


def minute_of(now: Dated | None) -> int | None:
    """Return the minute (ms since 1970 UTC // 60000) whose codes are good now; None while the time is not known.

    Of the moments that it can be, the earliest: a code of a minute that has not begun yet is refused, and one is good
    for two minutes more. A time that is known is right to 10 s (`transport.dating.FREEZE_BELOW_MS`).
    """
    return None if now is None else (now.at - now.error) // MINUTE_MS


def quiet_since(heard: int | None, now: int, *, up: bool) -> int | None:
    """Return since when (ms) the city is not heard at `now`, if that is so; `heard`: when it last was, 0 for never."""
    if heard is None:
        return None if up else 0
    patience = QUIET_MS if up else BROKEN_MS
    return heard if now - heard > patience else None


def on_duty(duties: Iterable[OnDuty], at: int) -> dict[str, OnDuty]:
    """Who sits at which window at `at` (ms): of several the one that began last."""
    held = [one for one in duties if one.since <= at and (one.until is None or at < one.until)]
    return {one.window: one for one in sorted(held, key=lambda one: one.since)}


def noticed(notices: Iterable[Notice], at: int) -> list[Notice]:
    """The notices that hold at `at` (ms)."""
    return [one for one in notices if one.since <= at and (one.until is None or at < one.until)]
