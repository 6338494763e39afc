"""A seal: the city's signed word on what stood in its ledger when a day was closed.

It is a Merkle root over the ledger's entries since the seal before, and names that one by its digest, so that whoever
keeps a single seal holds the city to everything up to it.
"""

import re
from typing import Annotated, Literal

import msgspec

from contract.batch import Millis, Number
from contract.config import KeyText
from contract.identity import whole
from contract.signing import public_key

# 32 bytes of SHA-256.
Sum = Annotated[str, msgspec.Meta(pattern=whole(re.compile("[0-9a-f]{64}")))]
Day = Annotated[str, msgspec.Meta(pattern=whole(re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")))]
# What the first seal has in place of the digest of one before it.
NOTHING = "0" * 64


class Seal(msgspec.Struct, frozen=True, tag_field="kind", tag="seal"):
    """Seal `number` over the ledger's positions `first` to `last`, made at `at` (the city's time, ms).

    `day` is the newest day that was over by then, whatever days its ratings were pressed on. `root` is the Merkle tree
    hash of its entries, `prev` the SHA-256 of the seal before it as signed, both in hex. `by` is the public key that
    signs it.
    """

    v: Literal[1]
    number: Number
    day: Day
    first: Number
    last: Number
    root: Sum
    prev: Sum
    at: Millis
    by: KeyText

    def __post_init__(self) -> None:
        """Check the positions and the key."""
        public_key(self.by)
        if self.last < self.first:
            raise ValueError(f"a seal runs from its first position to its last, got {self.first}..{self.last}")
