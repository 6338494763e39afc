"""All that a city does about cases by itself: opening them from the ledger, and raising what is overdue."""

import asyncio
from collections.abc import Callable

from cloud.calendar import Calendar
from cloud.cases.desk import Listener
from cloud.cases.escalator import Escalator
from cloud.cases.policy import Policy
from cloud.cases.worker import Opener
from cloud.database import Database
from cloud.hours.rules import Offices
from cloud.ledger.commit import Commit


class Casework:
    """An opener and an escalator on `database`, which work while `on_duty()`; `now` is the city's time in ms.

    Nothing is raised while that time is not `known()`: by a clock that nobody answers for nothing is overdue.
    """

    def __init__(
        self,
        database: Database,
        *,
        policy: Policy,
        calendar: Calendar,
        offices: Callable[[], Offices],
        now: Callable[[], int],
        known: Callable[[], bool] = lambda: True,
        on_duty: Callable[[], bool] = lambda: True,
    ) -> None:
        self._opener = Opener(database, policy=policy, calendar=calendar, offices=offices, now=now, may_open=on_duty)
        self._escalator = Escalator(
            database,
            policy=policy,
            calendar=calendar,
            offices=offices,
            now=now,
            may_raise=lambda: on_duty() and known(),
        )

    @property
    def trouble(self) -> str | None:
        """Why cases cannot be opened, or not be raised, while that is so."""
        return self._opener.trouble or self._escalator.trouble

    @property
    def behind(self) -> int:
        """How many ledger positions were not looked at yet; 0 in a process that opens no cases."""
        return self._opener.behind

    def hear(self, listener: Listener) -> None:
        """Tell `listener` of every case that is opened or raised here."""
        self._opener.listeners.append(listener)
        self._escalator.listeners.append(listener)

    def wake(self, commit: Commit) -> None:
        """Something was committed."""
        self._opener.wake(commit)

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin."""
        self._tasks = [
            tasks.create_task(self._opener.run(), name="cases"),
            tasks.create_task(self._escalator.run(), name="overdue cases"),
        ]

    def stop(self) -> None:
        """Stop at once; what was begun is done again the next time."""
        for task in self._tasks:
            task.cancel()
