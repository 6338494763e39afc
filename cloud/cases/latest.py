"""What was made of the cases last, for the next who asks the same: when something changes, all desks ask at once."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import MINUTE_MS
from cloud.cases import store

T = TypeVar("T")


class Latest(Generic[T]):
    """By question, as long as no case has changed and the clock shows the same minute: deadlines pass without a change.

    What is seen through the veil may be a question only where a minute more or less is the same: no person's list is.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._known = (-1, -1)
        self._made: dict[Hashable, T] = {}

    async def of(
        self, connection: AsyncConnection, now: int, question: Hashable, make: Callable[[], Awaitable[T]]
    ) -> T:
        """Return what answers `question` at `now` (ms), by `make` where that is not known yet."""
        # The version first: what changes after it is made again.
        known = await store.version(connection), now // MINUTE_MS
        if known != self._known:
            self._known, self._made = known, {}
        made = self._made
        if question not in made:
            made[question] = await make()
        return made[question]
