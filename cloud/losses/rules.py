"""What a node's word that numbers were destroyed comes to. Pure."""

from collections.abc import Mapping

import msgspec

from contract.ack import Pair
from contract.batch import StreamKey
from contract.ranges import Ranges


class Loss(msgspec.Struct, frozen=True):
    """Numbers of one run of a node, as closed ranges: `destroyed` on its disk, as it signed, and of these the `lost`.

    What is not lost had left the node before, and is in the ledger.
    """

    epoch: str
    destroyed: list[Pair]
    lost: list[Pair]


def losses(declared: Mapping[StreamKey, Ranges], given: Mapping[StreamKey, Ranges]) -> list[Loss]:
    """What comes of numbers `declared` destroyed, where those `given` are in the ledger; by epoch."""
    return [
        Loss(stream.epoch, list(numbers.pairs), list((numbers - given.get(stream, Ranges())).pairs))
        for stream, numbers in sorted(declared.items())
    ]
