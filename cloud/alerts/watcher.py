"""Raising alerts, telling the leader on duty and then the next one, and closing what is over: the city's own part.

What it has done stands in the database together with the notices of it, so a city that was away goes on where it was.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.alerts import store
from cloud.alerts.alert import Alert, Figures, Step
from cloud.alerts.letters import letter_of
from cloud.alerts.policy import Policy
from cloud.alerts.rules import breached, of_case, of_rate, passed, quiet, settled
from cloud.alerts.store import Rising
from cloud.calendar import MINUTE_MS
from cloud.database import Database, unavailable
from cloud.notices.outbox import Outbox
from cloud.people import accounts
from cloud.registry.snapshot import Registry
from cloud.rota import store as rota
from cloud.rota.rules import Turn, able, by_place
from cloud.rounds import Rounds
from contract.veil import Veil

LOOK_S = 5.0
# So few at a time that ingest, which commits on the same connection, hardly waits.
A_PAGE = 200

Changed = tuple[Alert, Alert, Sequence[Step]]


class Found(NamedTuple):
    """What there is to do: alerts to close, cases that become some, and alerts to pass on by the `turns` there are."""

    settled: Sequence[Alert]
    rising: Sequence[Rising]
    due: Sequence[Alert]
    turns: Mapping[str, Sequence[Turn]]

    @property
    def any(self) -> bool:
        """Whether there is something."""
        return bool(self.settled or self.rising or self.due)


class Watcher(Rounds):
    """Works on `database` as long as `may_watch()` says so; `now` is the city's time in ms.

    Notices of alerts go into `outbox`, which names places by `registry`.
    """

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        *,
        policy: Policy,
        veil: Veil,
        registry: Callable[[], Registry],
        now: Callable[[], int],
        may_watch: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(LOOK_S, stopped="nobody is alerted")
        self._database = database
        self._outbox = outbox
        self._policy = policy
        self._every_ms = veil.minutes * MINUTE_MS
        self._registry = registry
        self._now = now
        self._may_watch = may_watch

    async def look(self) -> None:
        """Do all there is to do by now, if that is our duty. Raises `Unavailable`."""
        now = self._now()
        with unavailable():
            if self._may_watch():
                await self._look_at_rates(now)
            while self._may_watch():
                async with self._database.reader.begin() as connection:
                    found = await self._found(connection, now)
                if not found.any:
                    return
                async with self._database.writer.begin() as connection:
                    await self._do(connection, found, now)

    async def _found(self, connection: AsyncConnection, now: int) -> Found:
        return Found(
            await store.settled(connection, A_PAGE),
            await store.rising(connection, now, A_PAGE),
            await store.due(connection, now, self._policy.patience_minutes * MINUTE_MS, A_PAGE),
            by_place(able(await rota.coming(connection, now), await accounts.holders(connection))),
        )

    async def _do(self, connection: AsyncConnection, found: Found, now: int) -> None:
        """Write what was found; what somebody else has changed meanwhile is looked at the next time."""
        closed = {alert.number for alert in found.settled}
        for alert in found.settled:
            after, step = settled(alert, now)
            await store.change(connection, alert, after, [step])
        last = await store.last(connection)
        await store.put(
            connection,
            [
                of_case(number, one.case, one.cause, one.window, one.level, now)
                for number, one in enumerate(found.rising, last + 1)
            ],
        )
        told: defaultdict[str, list[Alert]] = defaultdict(list)
        for alert in found.due:
            if alert.number in closed:
                continue
            after, steps = passed(alert, found.turns, now, self._policy)
            if await store.change(connection, alert, after, steps) and after.holder is not None and steps:
                told[after.holder].append(after)
        for holder, alerts in sorted(told.items()):
            await self._outbox.put(connection, holder, letter_of(alerts, self._registry()), now)

    async def _look_at_rates(self, now: int) -> None:
        """Look at every window's rate, once for every full five minutes of the veil and up to as long before that.

        Nobody learns from it what a single citizen pressed. Moments that nobody looked at for are not made up for: an
        alert is about now.
        """
        rate = self._policy.rate
        mark = now - now % self._every_ms
        async with self._database.reader.begin() as connection:
            if await store.mark(connection, now) >= mark:
                return
            until = (mark - self._every_ms) // MINUTE_MS
            rates = await store.rates(connection, until - rate.minutes, until)
            quiet_at = mark - rate.quiet_minutes * MINUTE_MS
            standing = {(alert.window, alert.channel): alert for alert in await store.rated(connection, quiet_at)}
        bad = {(window, channel): n for window, channel, n in rates if breached(n, rate)}
        fresh = [(key, n) for key, n in bad.items() if key not in standing]
        async with self._database.writer.begin() as connection:
            if not await store.move(connection, mark, now):
                return
            for key, alert in standing.items():
                if key in bad:
                    await store.change(connection, alert, alert._replace(breached_at=mark), [])
                elif alert.closed_at is None and quiet(alert, mark, rate):
                    after, step = settled(alert, now)
                    await store.change(connection, alert, after, [step])
            last = await store.last(connection)
            await store.put(
                connection,
                [
                    of_rate(number, window, Figures(channel, rate.minutes, *n), mark, now)
                    for number, ((window, channel), n) in enumerate(fresh, last + 1)
                ],
            )
