"""Hello and welcome: how two ends of a hop agree on what is where and what the time is."""

from typing import Annotated, Literal

import msgspec

from contract.ack import Ack, Pair, check_pairs
from contract.batch import Count, EpochName, Millis, NodeName, StreamKey
from contract.ranges import Ranges

Nonce = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
Boot = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]

# A full hello of an end that restarted often is sent in pages, so that none outgrows a payload.
MAX_STREAMS = 500


class Stream(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the sender still keeps of one stream, whether acknowledged or not.

    `void`: numbers that it gave and can no longer read, because its disk damaged them. Whoever has them keeps them.
    """

    node: NodeName
    epoch: EpochName
    has: list[Pair]
    void: list[Pair] = []

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_pairs(self.has)
        check_pairs(self.void)

    @property
    def key(self) -> StreamKey:
        """The stream's name."""
        return StreamKey(self.node, self.epoch)


class Hello(msgspec.Struct, frozen=True, tag_field="kind", tag="hello", omit_defaults=True):
    """Signed by its sender, a node or a gateway; sent on every connect and every minute.

    `last` is the highest number given in `epoch` (0 before the first; a gateway gives none). `streams` asks for the
    standing of each of them. `config` is the version in force. `boottime` and `wall` are the sender's two clocks in
    milliseconds: CLOCK_BOOTTIME of boot `boot`, and its wall clock, which nothing trusts. `at` is what the sender takes
    for the city's time at that moment, None while it knows none, and `error` how far off it takes that to be at most:
    the city compares.
    """

    v: Literal[1]
    node: NodeName
    epoch: EpochName
    last: Count
    nonce: Nonce
    config: Count
    boot: Boot
    boottime: Millis
    wall: Millis
    streams: Annotated[list[Stream], msgspec.Meta(max_length=MAX_STREAMS)] = []
    at: Millis | None = None
    error: Count = 0

    def destroyed(self) -> dict[StreamKey, Ranges]:
        """By stream of the sender's own, the numbers that it declares destroyed; nobody speaks for another here."""
        return {one.key: Ranges(one.void) for one in self.streams if one.void and one.node == self.node}


class Clock(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answering end's clock at the moment of the answer.

    `at` is the city's time there in milliseconds, None while unknown, right within `error` milliseconds. Without a time
    the boot id and CLOCK_BOOTTIME still date everything, once that boot learns the time.
    """

    boot: Boot
    boottime: Millis
    at: Millis | None = None
    error: Count = 0


class Welcome(msgspec.Struct, frozen=True, tag_field="kind", tag="welcome"):
    """Answer to one hello, told by `nonce`; the only one that may take back what an ack said.

    `by` is the answering process's epoch: when it changes, the other end says a full hello. For each stream the hello
    named, `streams` tells all that is there now.
    """

    to: NodeName
    nonce: Nonce
    by: EpochName
    clock: Clock
    streams: list[Ack]
