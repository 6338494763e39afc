"""Where a citizen leaves a reason and a contact: once for each rating, and only by the receipt of it."""

from collections.abc import Callable
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import HOUR_MS, MINUTE_MS
from cloud.cases import store as cases
from cloud.contacts.waiting import Waiting
from cloud.database import Database, unavailable
from cloud.reasons import store
from cloud.reasons.rules import Left, NotLeft, check

# Of older ratings it is not told that it is too late.
_REMEMBERED_MS = 24 * HOUR_MS


class ReasonDesk:
    """Keeps reasons in `database`, contacts with `waiting` until their case is there; `now`: the city's time, ms."""

    def __init__(self, database: Database, waiting: Waiting, *, now: Callable[[], int]) -> None:
        self._database = database
        self._waiting = waiting
        self._now = now

    async def leave(self, window: str, receipt: str, left: Left) -> None:
        """Keep what was `left` beside the rating of `window` that has this `receipt`; sent again it counts once.

        Raises `NotLeft`, and `Unavailable`: then it is not known whether it was kept, and may be sent again.
        """
        now = self._now()
        with unavailable():
            async with self._database.reader.connect() as connection:
                rated = await store.rated(connection, window, receipt, (now - _REMEMBERED_MS) // MINUTE_MS)
        if rated is None:
            raise NotLeft("unknown")
        check(rated.level, rated.at, now)
        keep = partial(_keep, number=rated.number, left=left, at=now)
        if left.contact is not None:
            await self._waiting.keep(left.contact, rated.number, keep)
            return
        with unavailable():
            async with self._database.writer.begin() as connection:
                await keep(connection)


async def _keep(connection: AsyncConnection, *, number: store.Number, left: Left, at: int) -> bool:
    if not await store.put(connection, number, left, at):
        return False
    # A case that is looked at may have it now.
    await cases.tell(connection)
    return True
