"""The ingesting role of a city's process: from the broker to the ledger, from there to series, flags, cases."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter
from prometheus_client.metrics_core import Metric

from cloud.alerts import policy as alerts_policy
from cloud.calendar import Calendar
from cloud.cases import policy as cases_policy
from cloud.cases.casework import Casework
from cloud.database import Database
from cloud.filtered import store as filtered
from cloud.halls.rules import Common
from cloud.halls.worker import Halls
from cloud.health import checks
from cloud.health.metrics import Ledger, Source, counties, counts, gauges
from cloud.health.routes import Check
from cloud.hours.holder import OfficesHolder
from cloud.ingest.charge import Charge
from cloud.ingest.worker import Ingest
from cloud.misuse import policy as misuse_policy
from cloud.misuse.worker import BESIDE_INGEST, Filter
from cloud.phone.role import codes_secret
from cloud.registry.snapshot import Registry
from cloud.seals.worker import Sealer
from cloud.settings import Settings
from cloud.telling import Telling
from cloud.visits.visitwork import VisitWork
from contract.codes import key_of
from contract.signing import Signer

if TYPE_CHECKING:
    # It brings InfluxDB's client, which a city without one does not load.
    from cloud.series.feeder import Feeder


class Ingesting:
    """One ingest worker on `database`."""

    routers: Sequence[APIRouter] = ()

    def __init__(
        self,
        ingest: Ingest,
        database: Database,
        feeder: "Feeder | None",
        judging: Filter,
        casework: Casework,
        telling: Telling,
        sealer: Sealer,
        offices: OfficesHolder,
        *,
        visits: VisitWork,
        halls: Halls | None = None,
    ) -> None:
        self._halls = halls
        self._ingest = ingest
        self._feeder = feeder
        self._judging = judging
        self._casework = casework
        self._telling = telling
        self._sealer = sealer
        self._visits = visits
        self._ledger = Ledger()
        ingest.listeners.append(self._ledger.committed)
        watched: list[tuple[str, Check]] = [
            ("database", partial(checks.writable, database.writer)),
            ("broker", partial(checks.connected, lambda: ingest.up)),
            ("ingest", partial(checks.untroubled, lambda: ingest.trouble)),
            ("clock", partial(checks.untroubled, lambda: ingest.clock.trouble, vital=False)),
            ("counties", partial(checks.charged, lambda: ingest.counties)),
            ("misuse", partial(checks.untroubled, lambda: judging.trouble, vital=False)),
            ("cases", partial(checks.untroubled, lambda: casework.trouble, vital=False)),
            ("notices", partial(checks.untroubled, lambda: telling.trouble, vital=False)),
            ("seals", partial(checks.untroubled, lambda: sealer.trouble, vital=False)),
            ("visits", partial(checks.untroubled, lambda: visits.trouble, vital=False)),
            ("holidays", partial(checks.untroubled, lambda: offices.trouble, vital=False)),
        ]
        ingest.listeners.append(judging.wake)
        ingest.listeners.append(casework.wake)
        ingest.listeners.append(visits.wake)
        if feeder is not None:
            ingest.listeners.append(feeder.wake)
            watched.append(("series", partial(checks.untroubled, lambda: feeder.trouble, vital=False)))
        if halls is not None:
            watched.append(("halls", partial(checks.untroubled, lambda: halls.trouble, vital=False)))
        self.checks: Sequence[tuple[str, Check]] = watched
        self.sources: Sequence[Source] = (self._ledger.families, self._figures, telling.figures, self._counties)

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin to settle, to feed, to judge, to open cases, and to tell of them."""
        self._watching = tasks.create_task(self._judging.run(), name="misuse")
        self._casework.start(tasks)
        self._telling.start(tasks)
        self._visits.start(tasks)
        self._sealing = tasks.create_task(self._sealer.run(), name="seals")
        if self._halls is not None:
            self._showing = tasks.create_task(self._halls.run(), name="halls")
        if self._feeder is not None:
            self._feeding = tasks.create_task(self._feeder.run(), name="feeder")
        tasks.create_task(self._settle(), name="ingest")

    def stop(self) -> None:
        """Take nothing more; what was taken is still settled."""
        self._ingest.stop()

    async def _settle(self) -> None:
        await self._ingest.run()
        # Not before: their cursors are written on the session that commits, which ends with a cancelled statement.
        self._watching.cancel()
        self._casework.stop()
        self._telling.stop()
        self._visits.stop()
        self._sealing.cancel()
        if self._halls is not None:
            self._showing.cancel()
        if self._feeder is not None:
            self._feeding.cancel()

    def _counties(self) -> Iterator[Metric]:
        return counties(self._ingest.counties, self._ingest.registered)

    def _figures(self) -> Iterator[Metric]:
        ingest, feeder = self._ingest, self._feeder
        if feeder is not None:
            yield from gauges(
                {
                    "series_behind": ("Ledger positions that the series has not yet", feeder.behind),
                    "series_troubled": ("Whether the series takes nothing", feeder.trouble is not None),
                }
            )
            yield from counts(
                {
                    "series_rejected": ("Points that the series refused for good", feeder.rejected),
                    "series_skipped": ("Ratings older than what is kept one by one", feeder.skipped),
                }
            )
        yield from gauges(
            {
                "misuse_behind": ("Ledger positions that were not looked at for misuse yet", self._judging.behind),
                "misuse_troubled": ("Whether misuse cannot be judged", self._judging.trouble is not None),
                "cases_behind": ("Ledger positions that were not looked at for cases yet", self._casework.behind),
                "cases_troubled": ("Whether cases are not opened or raised", self._casework.trouble is not None),
                "visits_behind": ("Ledger positions that were not looked at for visits yet", self._visits.behind),
                "visits_troubled": ("Whether visits cannot be counted", self._visits.trouble is not None),
                "seals_troubled": ("Whether a day cannot be sealed", self._sealer.trouble is not None),
            }
        )
        yield from counts(
            {
                "ingest_dropped_payloads": ("Payloads that found the queue full; they come again", ingest.dropped),
                "city_clock_steps": ("Steps of this machine's clock against its boot", ingest.clock.steps),
            }
        )
        yield from gauges(
            {
                "ingest_up": ("Whether both of ingest's connections to the broker stand", ingest.up),
                "ingest_waiting_bytes": ("Bytes received and not yet settled", ingest.waiting_bytes),
                "city_clock_known": ("Whether the time is told to anybody", ingest.clock.trouble is None),
                "ingest_troubled": ("Whether the database refuses commits", ingest.trouble is not None),
            }
        )


async def open_ingesting(
    settings: Settings,
    database: Database,
    ingest: Ingest,
    feeder: "Feeder | None",
    offices: OfficesHolder,
    *,
    signer: Signer,
    charge: Charge,
    registry: Callable[[], Registry],
    calendar: Calendar,
    now: Callable[[], int],
    monotonic: Callable[[], float],
) -> Ingesting:
    """Return the role around `ingest`; what is done once in the city is done by who has that duty in its `charge`.

    `signer` is the city's key, `now` its time in ms, `monotonic` counts seconds.
    """

    def on_duty() -> bool:
        return charge.feeds_series

    def known() -> bool:
        return ingest.clock.error_ms() is not None

    judging = Filter(
        database,
        filtered,
        policy=misuse_policy.shipped(),
        calendar=calendar,
        offices=offices.current,
        registry=registry,
        now=now,
        may_judge=on_duty,
        share=BESIDE_INGEST,
    )
    casework = Casework(
        database,
        policy=cases_policy.shipped(),
        calendar=calendar,
        offices=offices.current,
        now=now,
        known=known,
        on_duty=on_duty,
    )
    telling = Telling(
        database,
        settings.notices,
        policy=alerts_policy.shipped(),
        veil=cases_policy.shipped().veil,
        calendar=calendar,
        registry=registry,
        now=now,
        known=known,
        on_duty=on_duty,
    )
    sealer = Sealer(
        database,
        signer,
        calendar,
        now=now,
        known=known,
        may_seal=lambda: on_duty() and ingest.up,
        monotonic=monotonic,
    )
    await sealer.load()
    ingest.hear_seals(sealer.returned)
    ingest.seals = lambda: [one.raw for one in sealer.newest]
    sealer.listeners.append(ingest.sealed)
    halls = None
    if settings.hall is not None:
        secret = codes_secret(signer)
        halls = Halls(
            database,
            signer,
            Common(settings.zone, cases_policy.shipped().veil, settings.least, settings.hall.site),
            key_of=lambda township: key_of(secret, township) if settings.phones else None,
            registry=registry,
            covers=charge.covers,
            now=now,
            known=known,
            tell=ingest.tell_halls,
        )
        ingest.halls = halls.payloads
    visits = VisitWork(
        database,
        enlists=settings.visits,
        pki=settings.pki,
        registry=registry,
        calendar=calendar,
        now=now,
        on_duty=on_duty,
    )
    return Ingesting(ingest, database, feeder, judging, casework, telling, sealer, offices, visits=visits, halls=halls)
