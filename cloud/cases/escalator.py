"""Raising what is overdue, in whichever process has that duty: to the county at once, to the city days later."""

from collections.abc import Callable

from cloud.calendar import Calendar
from cloud.cases import store
from cloud.cases.deadlines import risen, terms_of
from cloud.cases.desk import Listener
from cloud.cases.policy import Policy
from cloud.database import Database, unavailable
from cloud.hours.rules import Offices
from cloud.rounds import Rounds

# Deadlines are ends of days.
LOOK_S = 30.0
CASES_A_PAGE = 200


class Escalator(Rounds):
    """Works on `database` as long as `may_raise()` says so; `now` is the city's time in ms.

    `listeners` hear of every rise, after its commit, as `CaseDesk`'s do.
    """

    def __init__(
        self,
        database: Database,
        *,
        policy: Policy,
        calendar: Calendar,
        offices: Callable[[], Offices],
        now: Callable[[], int],
        may_raise: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(LOOK_S, stopped="overdue cases are not raised")
        self.listeners: list[Listener] = []
        self._database = database
        self._policy = policy
        self._calendar = calendar
        self._offices = offices
        self._now = now
        self._may_raise = may_raise

    async def look(self) -> None:
        """Raise what is overdue by now, if that is our duty. Raises `Unavailable`."""
        now = self._now()
        with unavailable():
            while self._may_raise():
                async with self._database.reader.begin() as connection:
                    numbers = await store.rising(connection, now, CASES_A_PAGE)
                settled = [await self._raise(number, now) for number in numbers]
                # One that somebody else has changed meanwhile is looked at the next time.
                if len(numbers) < CASES_A_PAGE or not any(settled):
                    return

    async def _raise(self, number: int, now: int) -> bool:
        """Raise one case, in a transaction of its own: nobody waits long, and no two wait for each other."""
        async with self._database.writer.begin() as connection:
            before = await store.load(connection, number)
            if before is None:
                return False
            after, steps = risen(before, now, terms_of(self._policy, self._calendar, self._offices(), before.township))
            changed = await store.change(connection, before, after, steps)
        if changed:
            for step in steps:
                for listener in self.listeners:
                    listener(after, step)
        return changed
