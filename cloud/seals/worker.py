"""Closes each day of the ledger at midnight, in whichever worker has that duty.

A city that was restored from a backup lacks the seals since. Gateways have kept them, see by the city's papers that it
does not know them, and hand them back: they enter the ledger as witnesses, and the next seal is chained to them.
"""

import logging
from collections.abc import Callable, Iterable

from cloud.calendar import Calendar
from cloud.database import Database, unavailable
from cloud.rounds import Rounds
from cloud.seals import store
from cloud.seals.closing import bear_witness, close
from cloud.seals.rules import day_to_close
from contract.signing import Signer
from proof.seals import Sealed

logger = logging.getLogger(__name__)

LOOK_S = 5.0
# A gateway that was away for so many days has them all.
KEPT = 30
# A city that begins asks townships whether they have seals that it lacks, since it was restored from a backup: so long
# it seals nothing, and would else give one number to two seals.
GRACE_S = 60.0
# Ten years of lost days; beyond it no township is heard.
_RETURNED = 4_000


class Sealer(Rounds):
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
        monotonic: Callable[[], float],
    ) -> None:
        """`now`: the city's time, ms, which counts only while it is `known()`.

        `may_seal()`: whether it is our duty, and townships are heard; `monotonic`: seconds of any steady clock.
        """
        super().__init__(LOOK_S, stopped="the day cannot be sealed")
        self.newest: list[Sealed] = []
        self.listeners: list[Callable[[], None]] = []
        self._database = database
        self._signer = signer
        self._calendar = calendar
        self._now = now
        self._known = known
        self._may_seal = may_seal
        self._monotonic = monotonic
        self._since: float | None = None
        # By number, what townships handed back and nobody looked at yet.
        self._returned: dict[int, Sealed] = {}

    async def load(self) -> None:
        """Learn the newest seals, so that townships are not told that there are none. Raises `Unavailable`."""
        self.newest = await self._read()

    def returned(self, some: Iterable[Sealed]) -> None:
        """A township has these seals, which we signed, and was not told of them."""
        known = self.newest[0].seal.number if self.newest else 0
        for one in some:
            if one.seal.number > known and len(self._returned) < _RETURNED:
                self._returned.setdefault(one.seal.number, one)

    async def look(self) -> None:
        """Close the day that is over, if that is our duty and it is not closed. Raises `Unavailable`."""
        newest = await self._read()
        if self._returned:
            returned = dict(self._returned)
            await bear_witness(self._database, returned.values(), self._now())
            # Not before: no township hands them back twice. And others may have come meanwhile.
            for number in returned:
                del self._returned[number]
            newest = await self._read()
            logger.warning("%d seals came back from townships: this ledger was restored", len(returned))
        now = self._now()
        day = day_to_close(next(iter(newest), None), now, self._calendar)
        if self._due() and day is not None and not self._returned:
            made = await close(self._database, self._signer, day=day, at=now)
            if made is not None:
                told = made.seal
                logger.info("sealed %s: %d, up to position %d, %s", told.day, told.number, told.last, told.root)
                newest = [made, *newest][:KEPT]
        if newest != self.newest:
            self.newest = newest
            for listener in self.listeners:
                listener()

    def _due(self) -> bool:
        """Whether this may be sealed by us now: the time is known, and whoever had something to say could say it."""
        if not self._may_seal():
            self._since = None
            return False
        if self._since is None:
            self._since = self._monotonic()
        return self._known() and self._monotonic() - self._since >= GRACE_S

    async def _read(self) -> list[Sealed]:
        with unavailable():
            async with self._database.reader.connect() as connection:
                return await store.newest(connection, KEPT)
