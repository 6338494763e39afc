"""Who carries notices, and what may happen on the way."""

from typing import NamedTuple, Protocol

from cloud.notices.rules import Notice
from contract.errors import ManyiError


class NotDelivered(ManyiError):  # noqa: N818  (as in `contract.errors`: the name says what happened)
    """What a notice met on its way; the text goes before whoever looks after the city, and has no secret in it.

    `final`: it would be met again, so it is not tried again.
    """

    def __init__(self, met: str, *, final: bool = False) -> None:
        """Keep whether there is any use in trying again."""
        super().__init__(met)
        self.final = final


class To(NamedTuple):
    """Whom a notice is for: the account's name, what its holder is called, and their mailbox where they have one."""

    name: str
    called: str
    mail: str | None


class Carrier(Protocol):
    """One way out of the city."""

    async def carry(self, notice: Notice, to: To, now: int, /) -> None:
        """Carry `notice` at `now` (ms). Raises `NotDelivered` unless it was taken."""
        ...
