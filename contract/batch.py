"""The signed batch: consecutive ratings of one stream, cut once, byte-identical ever after."""

from typing import Annotated, Literal, NamedTuple

import msgspec

from contract.identity import EPOCH, NODE, whole
from contract.rating import Quality, Row

MAX_ROWS = 500

NodeName = Annotated[str, msgspec.Meta(pattern=whole(NODE))]
EpochName = Annotated[str, msgspec.Meta(pattern=whole(EPOCH))]
# A JSON reader that keeps numbers as doubles has all of these exactly.
MAX_NUMBER = 1 << 53
Number = Annotated[int, msgspec.Meta(ge=1, le=MAX_NUMBER)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_NUMBER)]
# Until the year 5138.
Millis = Annotated[int, msgspec.Meta(ge=0, le=100_000_000_000_000)]


class StreamKey(NamedTuple):
    """A stream is one epoch of one node: numbers run in it from 1 without gaps."""

    node: str
    epoch: str

    def batch(self, first: int) -> str:
        """The text that names the batch beginning with number `first`, in every log from node to ledger."""
        return f"{self.node}/{self.epoch}/{first}"


class Batch(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """`rows[i]` has the number `first + i` and happened at `t0 + rows[i].ms` (milliseconds since 1970, UTC).

    `q` is the time quality of all rows. An epoch's first batch names in `prev` the epoch before it and that epoch's
    last number. An estimated batch (`q` = 2) carries in `bounds` the earliest and the latest that `t0` can have been.
    """

    v: Literal[1]
    node: NodeName
    epoch: EpochName
    # So that its last row has a number too.
    first: Annotated[int, msgspec.Meta(ge=1, le=MAX_NUMBER - MAX_ROWS + 1)]
    t0: Millis
    q: Quality
    rows: Annotated[list[Row], msgspec.Meta(min_length=1, max_length=MAX_ROWS)]
    prev: tuple[EpochName, Count] | None = None
    bounds: tuple[Millis, Millis] | None = None

    @property
    def last(self) -> int:
        """The number of the last row."""
        return self.first + len(self.rows) - 1

    @property
    def stream(self) -> StreamKey:
        """The stream these numbers belong to."""
        return StreamKey(self.node, self.epoch)
