"""Answers to batches: what is held, what is settled, what was refused."""

import re
from collections.abc import Iterable
from typing import Annotated

import msgspec

from contract.batch import EpochName, Millis, NodeName, Number, StreamKey
from contract.errors import Reason
from contract.identity import whole

Pair = tuple[Number, Number]
Digest = Annotated[str, msgspec.Meta(pattern=whole(re.compile("[0-9a-f]{16}")))]


def check_pairs(pairs: Iterable[tuple[int, int]]) -> None:
    """Raise `ValueError` when a pair does not run from low to high; a decoder makes that "undecodable"."""
    for lo, hi in pairs:
        if lo > hi:
            raise ValueError(f"a range runs from low to high, got {lo}..{hi}")


class Ack(msgspec.Struct, frozen=True, tag_field="kind", tag="ack", omit_defaults=True):
    """State of one stream, in closed ranges of its numbers; inside an ack they only add.

    `held`: durable at the gateway. `settled`: in the city's ledger. `refused`: quarantined, with the reason.
    """

    node: NodeName
    epoch: EpochName
    held: list[Pair] = []
    settled: list[Pair] = []
    refused: list[tuple[Number, Number, Reason]] = []

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_pairs(self.held)
        check_pairs(self.settled)
        check_pairs((lo, hi) for lo, hi, _ in self.refused)

    @property
    def stream(self) -> StreamKey:
        """The stream it speaks of."""
        return StreamKey(self.node, self.epoch)


class Refusal(msgspec.Struct, frozen=True, tag_field="kind", tag="refusal"):
    """Answer to bytes without a readable number: the digest of an entry, or of a whole payload."""

    digest: Digest
    reason: Reason


class Receipt(msgspec.Struct, frozen=True, tag_field="kind", tag="receipt"):
    """The city's signed word that numbers of a stream are in its ledger; only a receipt permits deletion.

    `at` is the city's time in milliseconds. At most one a minute for each stream.
    """

    node: NodeName
    epoch: EpochName
    settled: list[Pair]
    at: Millis

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_pairs(self.settled)

    @property
    def stream(self) -> StreamKey:
        """The stream it speaks of."""
        return StreamKey(self.node, self.epoch)
