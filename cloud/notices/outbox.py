"""Where letters are put, once for every way that there is."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.notices import store
from cloud.notices.letter import Letter
from cloud.notices.opening import MAIL
from cloud.people import accounts


class Outbox:
    """`channels` are the ways by which the city's settings let letters out; without any nothing is queued.

    Nor is anything to an account that has ended, nor a mail to somebody without a mailbox.
    """

    def __init__(self, channels: Sequence[str]) -> None:
        self._channels = channels

    async def put(self, connection: AsyncConnection, recipient: str, letter: Letter, now: int) -> None:
        """Queue `letter` to the account `recipient` within the transaction of `connection`, at `now` (ms)."""
        account = await accounts.named(connection, recipient)
        if account is None or account.ended_at is not None:
            return
        boxed = account.mail is not None
        await store.put(connection, recipient, [one for one in self._channels if boxed or one != MAIL], letter, now)
