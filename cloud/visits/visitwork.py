"""All that a city does about visits by itself: registering who tells of them, and counting what is told."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from cloud.calendar import Calendar
from cloud.database import Database
from cloud.ledger.commit import Commit
from cloud.registry.snapshot import Registry
from cloud.registry.speakers import Enlister, certifying
from cloud.visits.enlisting import lacking
from cloud.visits.worker import VisitFollower


class VisitWork:
    """An enlister and a follower on `database`, which work while `on_duty()`; `now` is the city's time in ms.

    `enlists`: whether gateways may tell of visits at all; what they told before is counted in any case. `pki`: the
    folder of the CA that certifies those who tell of visits; None: there is none.
    """

    def __init__(
        self,
        database: Database,
        *,
        enlists: bool,
        pki: str | None,
        registry: Callable[[], Registry],
        calendar: Calendar,
        now: Callable[[], int],
        on_duty: Callable[[], bool] = lambda: True,
    ) -> None:
        self._follower = VisitFollower(database, calendar=calendar, may_follow=on_duty)
        certify = certifying(Path(pki), now) if enlists and pki is not None else None
        self._enlister = Enlister(
            database,
            lacking,
            told="gateways can tell of visits at",
            registry=registry,
            registers=lambda: enlists and on_duty(),
            certify=certify,
            now=now,
        )

    @property
    def trouble(self) -> str | None:
        """Why visits cannot be counted, or who tells of them not be registered, while that is so."""
        return self._follower.trouble or self._enlister.trouble

    @property
    def behind(self) -> int:
        """How many ledger positions were not looked at yet; 0 in a process that does not follow."""
        return self._follower.behind

    def wake(self, commit: Commit) -> None:
        """Something was committed."""
        self._follower.wake(commit)

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin."""
        self._tasks = [
            tasks.create_task(self._enlister.run(), name="visits' tellers"),
            tasks.create_task(self._follower.run(), name="visits"),
        ]

    def stop(self) -> None:
        """End; whoever has the duty next goes on."""
        for task in self._tasks:
            task.cancel()
