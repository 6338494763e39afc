"""What a sender asks the house that it works for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from contract.ack import Ack, Receipt
from contract.batch import StreamKey
from contract.errors import Reason
from contract.ranges import Ranges
from transport.lanes import Item


class Receipted(NamedTuple):
    """A receipt, and its bytes as the city signed them."""

    receipt: Receipt
    raw: bytes


class Owner(Protocol):
    """The house that the sender works for."""

    def last_number(self) -> int:
        """The highest number given in this epoch; 0 for an end that gives none."""

    def config_version(self) -> int:
        """The version of the configuration in force."""

    async def replenish(self) -> Iterable[Item]:
        """New items to send now, asked for whenever the live lane is idle."""

    async def welcomed(self, missing: Mapping[StreamKey, Ranges]) -> None:
        """The peer answered a hello: what it turned out not to have; the timepiece has learnt from it."""

    def answered(self, ack: Ack) -> None:
        """An ack arrived; called in the order of arrival with the others."""

    async def receipted(self, receipts: Sequence[Receipted]) -> None:
        """Receipts with the city's good signature arrived; the shelf has been marked."""

    async def refused(self, items: Iterable[Item], reason: Reason) -> None:
        """The peer refused items, which are kept and tried again in an hour."""
