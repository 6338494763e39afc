"""One settled choice, as it stands in a batch."""

from enum import IntEnum
from typing import Annotated

import msgspec


class Level(IntEnum):
    """What the citizen chose. A count triple is always in this order: satisfied, basic, dissatisfied."""

    SATISFIED = 3
    BASIC = 2
    DISSATISFIED = 1


class Quality(IntEnum):
    """How the time of a batch's rows came about (`q` on the wire)."""

    SYNCHRONISED = 0
    CORRECTED = 1
    ESTIMATED = 2


# Ten years: a longer span inside one batch cannot be a batch.
_MAX_OFFSET_MS = 315_576_000_000
MAX_PRESSES = 10_000


class Row(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """`[ms after t0, window, level, presses]`; further trailing fields are ignored by version 1.

    `window` is the node's own short name for it ("02"); `presses` is how often the person pressed before the choice
    settled, at least 1.
    """

    ms: Annotated[int, msgspec.Meta(ge=0, le=_MAX_OFFSET_MS)]
    window: Annotated[str, msgspec.Meta(min_length=1, max_length=8)]
    level: Annotated[int, msgspec.Meta(ge=1, le=3)]
    presses: Annotated[int, msgspec.Meta(ge=1, le=MAX_PRESSES)]
