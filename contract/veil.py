"""From when on a rating is seen by those who could know whose it was. Pure; what is made of it is each house's.

Who sits at a window is not to learn who rated it so: a rating is seen after others have come, or after some minutes,
and then at a full multiple of these, so that the moment at which it appears does not give away the one at which it was
pressed.
"""

from typing import Annotated

import msgspec

MINUTE_MS = 60_000


class Veil(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """After how many other ratings, or else after how many minutes, a rating is seen."""

    others: Annotated[int, msgspec.Meta(ge=1)]
    minutes: Annotated[int, msgspec.Meta(ge=1)]


def full(at: int, veil: Veil) -> int:
    """The first full multiple of the veil's minutes at or after `at` (ms).

    Multiples are counted from 1970 UTC: those of a divisor of 15 minutes are full by the clocks of every zone.
    """
    every = veil.minutes * MINUTE_MS
    return -(-at // every) * every
