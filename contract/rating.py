"""One settled choice, as it stands in a batch."""

from enum import IntEnum
from typing import Annotated

import msgspec

from contract.identity import EPOCH, whole


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


class Became(IntEnum):
    """What became of a visit at which somebody was to be asked: the third value of a row of the channel `PROMPT`."""

    RATED = 3
    SILENT = 2
    UNSHOWN = 1


# Ten years: a longer span inside one batch cannot be a batch.
_MAX_OFFSET_MS = 315_576_000_000
MAX_PRESSES = 10_000

# What stands for a visit on the wire and in the ledger: as random as an epoch, and of the same shape.
Token = Annotated[str, msgspec.Meta(pattern=whole(EPOCH))]
# The service's own code, as the bureau's catalogue has it; no name and no text of anybody's.
Item = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,40}$(?!\n)")]


class Row(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """`[ms after t0, window, level, presses, item, token]`; further trailing fields are ignored by version 1.

    `window` is the node's own short name for it ("02"); `presses` is how often the person pressed before the choice
    settled, at least 1. `token` ties the rating to the visit at which it was asked for, `item` says what the service
    was; of these two nothing stands on the wire where there is nothing behind them to say.
    """

    ms: Annotated[int, msgspec.Meta(ge=0, le=_MAX_OFFSET_MS)]
    window: Annotated[str, msgspec.Meta(min_length=1, max_length=8)]
    level: Annotated[int, msgspec.Meta(ge=1, le=3)]
    presses: Annotated[int, msgspec.Meta(ge=1, le=MAX_PRESSES)]
    item: Item | None = None
    token: Token | None = None

    @property
    def written(self) -> tuple[int | str | None, ...]:
        """The row as it is written: without the trailing fields that say nothing."""
        whole_row = (self.ms, self.window, self.level, self.presses, self.item, self.token)
        return whole_row if self.token is not None else whole_row[: 5 if self.item is not None else 4]
