"""Closes each day of the ledger at midnight, in whichever worker has that duty."""

import asyncio
import logging
from collections.abc import Callable

from cloud.calendar import Calendar
from cloud.database import Database, unavailable
from cloud.seals import store
from cloud.seals.closing import close
from cloud.seals.rules import day_to_close
from contract.errors import Unavailable
from contract.signing import Signer
from proof.seals import Sealed

logger = logging.getLogger(__name__)

LOOK_S = 5.0
# A gateway that was away for so many days has them all.
KEPT = 30


class Sealer:
    """Every worker knows the newest seals, whoever makes them.

    `newest`: up to `KEPT` of them, the newest first; `listeners` are called when they changed. `trouble`: why a day
    that is over cannot be closed, while that is so.
    """

    def __init__(
        self,
        database: Database,
        signer: Signer,
        calendar: Calendar,
        *,
        now: Callable[[], int],
        known: Callable[[], bool],
        may_seal: Callable[[], bool],
    ) -> None:
        """`now`: the city's time, ms, which counts only while it is `known()`; `may_seal()`: whether it is our duty."""
        self.newest: list[Sealed] = []
        self.listeners: list[Callable[[], None]] = []
        self.trouble: str | None = None
        self._database = database
        self._signer = signer
        self._calendar = calendar
        self._now = now
        self._known = known
        self._may_seal = may_seal

    async def run(self) -> None:
        """Look again and again whether a day is over, until cancelled."""
        while True:
            try:
                await self.look()
            except Unavailable as away:
                if self.trouble is None:
                    logger.warning("the day cannot be sealed: %s", away)
                self.trouble = str(away)
            else:
                self.trouble = None
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Close the day that is over, if that is our duty and it is not closed. Raises `Unavailable`."""
        with unavailable():
            async with self._database.reader.connect() as connection:
                newest = await store.newest(connection, KEPT)
        now = self._now()
        day = day_to_close(next(iter(newest), None), now, self._calendar)
        if day is not None and self._known() and self._may_seal():
            made = await close(self._database, self._signer, day=day, at=now)
            if made is not None:
                told = made.seal
                logger.info("sealed %s: %d, up to position %d, %s", told.day, told.number, told.last, told.root)
                newest = [made, *newest][:KEPT]
        if newest != self.newest:
            self.newest = newest
            for listener in self.listeners:
                listener()
