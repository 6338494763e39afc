"""Carrying notices out, each way by itself: one that is slow or down holds up no other.

A notice is off the queue only when its receiver has taken it. Whoever is stopped between the two carries it again.
"""

import logging
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import Database, unavailable
from cloud.notices import store
from cloud.notices.carrier import Carrier, NotDelivered, To
from cloud.notices.rules import Notice, next_at
from cloud.people import accounts
from cloud.rounds import Rounds

logger = logging.getLogger(__name__)

LOOK_S = 1.0
A_PAGE = 20


class Courier(Rounds):
    """Carries what is queued in `database` for `channel`, by `carrier`, as long as `may_carry()` says so.

    `now` is the city's time in ms. `failing`: what the last try met, unless it was taken.
    """

    def __init__(
        self,
        database: Database,
        channel: str,
        carrier: Carrier,
        *,
        now: Callable[[], int],
        may_carry: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(LOOK_S, stopped=f"notices are not carried by {channel}")
        self.failing: str | None = None
        self._database = database
        self._channel = channel
        self._carrier = carrier
        self._now = now
        self._may_carry = may_carry

    async def look(self) -> None:
        """Carry what is due by now, if that is our duty. Raises `Unavailable`."""
        with unavailable():
            while self._may_carry():
                async with self._database.reader.begin() as connection:
                    found = await store.due(connection, self._channel, self._now(), A_PAGE)
                    to = [await _to(connection, notice.recipient) for notice in found]
                if not found:
                    return
                for notice, whom in zip(found, to, strict=True):
                    await self._carry(notice, whom)

    async def _carry(self, notice: Notice, to: To) -> None:
        again = next_at(notice, self._now())
        # Before it is carried: a database that takes no word of what was carried would have it carried each second.
        async with self._database.writer.begin() as connection:
            await store.trying(connection, notice.number, again)
        try:
            await self._carrier.carry(notice, to, self._now())
        except NotDelivered as met:
            await self._failed(notice, None if met.final else again, str(met))
            return
        self.failing = None
        async with self._database.writer.begin() as connection:
            await store.sent(connection, notice.number, self._now())

    async def _failed(self, notice: Notice, again: int | None, met: str) -> None:
        if self.failing is None or again is None:
            then = "it is tried again" if again is not None else "given up: send it again from the page Notices"
            logger.warning("notice %d was not delivered by %s: %s; %s", notice.number, self._channel, met, then)
        self.failing = met
        async with self._database.writer.begin() as connection:
            await store.failed(connection, notice.number, again, met)


async def _to(connection: AsyncConnection, name: str) -> To:
    """Whom the account `name` is of now: a mailbox that was taken back gets nothing more."""
    account = await accounts.named(connection, name)
    return To(name, name, None) if account is None else To(name, account.called, account.mail)
