"""All that a city tells people by itself: alerts to leaders on duty, digests, and carrying them out."""

import asyncio
from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import Metric

from cloud.alerts.policy import Policy
from cloud.alerts.watcher import Watcher
from cloud.calendar import Calendar
from cloud.database import Database
from cloud.digests.worker import Digests
from cloud.health.metrics import gauges
from cloud.notices.courier import Courier
from cloud.notices.opening import carriers_of
from cloud.notices.outbox import Outbox
from cloud.registry.snapshot import Registry
from cloud.settings import NoticesSettings
from contract.veil import Veil


class Telling:
    """Works on `database` while `on_duty()`; `now` is the city's time in ms.

    Nobody is told anything while that time is not `known()`. Raises `SettingsError` for a secret that cannot be used.
    """

    def __init__(
        self,
        database: Database,
        settings: NoticesSettings,
        *,
        policy: Policy,
        veil: Veil,
        calendar: Calendar,
        registry: Callable[[], Registry],
        now: Callable[[], int],
        known: Callable[[], bool],
        on_duty: Callable[[], bool],
    ) -> None:
        carriers = carriers_of(settings)
        outbox = Outbox(tuple(carriers))

        def may() -> bool:
            return on_duty() and known()

        self._couriers = [
            Courier(database, channel, carrier, now=now, may_carry=may) for channel, carrier in carriers.items()
        ]
        self._watcher = Watcher(database, outbox, policy=policy, veil=veil, registry=registry, now=now, may_watch=may)
        self._digests = Digests(database, outbox, calendar=calendar, registry=registry, now=now, may_send=may)

    @property
    def trouble(self) -> str | None:
        """Why nobody is alerted, or told, while that is so."""
        return next(
            (one.trouble for one in (self._watcher, self._digests, *self._couriers) if one.trouble is not None),
            next((one.failing for one in self._couriers if one.failing is not None), None),
        )

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin."""
        self._tasks = [
            tasks.create_task(self._watcher.run(), name="alerts"),
            tasks.create_task(self._digests.run(), name="digests"),
            *(tasks.create_task(courier.run(), name="notices") for courier in self._couriers),
        ]

    def stop(self) -> None:
        """Stop at once; what was begun is done again the next time."""
        for task in self._tasks:
            task.cancel()

    def figures(self) -> Iterator[Metric]:
        """What /metrics tells of it."""
        failing = sum(courier.failing is not None for courier in self._couriers)
        return gauges(
            {
                "alerts_troubled": ("Whether nobody can be alerted", self._watcher.trouble is not None),
                "notices_failing": ("Ways out by which the last notice did not arrive", failing),
            }
        )
