"""What the desk says of appeals: which editions are open to them, and how those of the own place stand."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.appeals import store
from cloud.appeals.appeal import State
from cloud.door.rules import TABLE
from cloud.people.rules import Person
from cloud.reports.editions import Editions, Head, open_ones

# Those that ended so long ago are not spoken of any more.
DAYS_MS = 90 * 86_400_000


class Outlook(NamedTuple):
    """`opened`: the editions that may be appealed against now. `states`: how many appeals of the place are how."""

    opened: list[Head]
    states: Mapping[State, int]

    @property
    def any(self) -> bool:
        """Whether there is something to say."""
        return bool(self.opened or self.states)


class Looker:
    """Looks by `reader`; `now` is the city's time in ms."""

    def __init__(self, reader: AsyncEngine, editions: Editions, *, now: Callable[[], int]) -> None:
        self._reader = reader
        self._editions = editions
        self._now = now

    async def of(self, person: Person) -> Outlook | None:
        """What `person` is told; None for whoever has no business with appeals."""
        if person.role not in TABLE["GET", "/reports/appeals"].roles:
            return None
        now = self._now()
        async with self._reader.connect() as connection:
            heads = await self._editions.heads(connection)
            states = await store.standing(connection, person.place, now - DAYS_MS)
        return Outlook(open_ones(heads, now), states)
