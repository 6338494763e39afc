"""Deletes contacts whose time is over, and files that no row names, in every process that has the folders.

What one of them has deleted the others find deleted. A process that dies holds up nothing.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from cloud.calendar import HOUR_MS
from cloud.cases.case import CaseRefused
from cloud.contacts import store
from cloud.contacts.desk import ContactDesk
from cloud.contacts.policy import Policy
from cloud.contacts.rules import NotTaken, ended_before
from cloud.database import Database, unavailable
from cloud.orphans import Orphans
from cloud.rounds import Rounds
from contract.errors import Unavailable

LOOK_S = 60.0
# A file without a row is left alone for so long, and looked for as often.
ORPHAN_MS = HOUR_MS
OVER = "its time was over"


class Sweeper(Rounds):
    """Deletes on `desk` what `database` says is due; `orphans` are of every folder. `now` is the city's time in ms."""

    def __init__(
        self,
        database: Database,
        desk: ContactDesk,
        orphans: Sequence[Orphans],
        *,
        policy: Policy,
        now: Callable[[], int],
    ) -> None:
        super().__init__(LOOK_S, stopped="contacts are not deleted")
        self._database = database
        self._desk = desk
        self._policy = policy
        self._now = now
        # By when (ms) each is looked at again.
        self._next = dict.fromkeys(orphans, 0)

    async def look(self) -> None:
        """Delete all that is due by now. Raises `Unavailable` where something is left for the next time."""
        troubles = [*await self._end(), *await self._remove(), *await self._sweep()]
        if troubles:
            raise Unavailable("; ".join(troubles))

    async def _end(self) -> list[str]:
        until = ended_before(self._now(), self._policy.contact_days)
        with unavailable():
            async with self._database.reader.connect() as connection:
                numbers = await store.due(connection, until)
        left = []
        for number in numbers:
            # Somebody else did, or has the case: we look again.
            with suppress(CaseRefused, NotTaken):
                try:
                    await self._desk.delete(number, OVER, None)
                except Unavailable as bad:
                    left.append(f"of case {number}: {bad}")
        return [f"{len(left)} contacts whose time was over are not deleted, {left[0]}"] if left else []

    async def _remove(self) -> list[str]:
        with unavailable():
            async with self._database.reader.connect() as connection:
                files = await store.ended(connection)
        left = [file for file in files if not await self._desk.remove(file)]
        return [f"{len(left)} contacts that were deleted are on the disk still"] if left else []

    async def _sweep(self) -> list[str]:
        troubles, now = [], self._now()
        for one, due in self._next.items():
            # A clock that ran ahead when it was set must not keep us waiting.
            if due - ORPHAN_MS <= now < due:
                continue
            try:
                if await one.sweep(now - ORPHAN_MS):
                    self._next[one] = now + ORPHAN_MS
            except Unavailable as bad:
                troubles.append(str(bad))
        return troubles
