"""The telephones' part of a city's process: their pages where it serves, their way into the ledger where it ingests."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter
from prometheus_client.metrics_core import Metric

from cloud.calendar import Calendar
from cloud.console.screens import Screens
from cloud.contacts.waiting import Waiting
from cloud.database import Database
from cloud.health import checks
from cloud.health.metrics import Source, gauges
from cloud.health.routes import Check
from cloud.ingest.charge import Charge
from cloud.ingest.worker import Ingest
from cloud.phone.codes import Pages as CodePages
from cloud.phone.desk import PhoneDesk
from cloud.phone.feeder import Certify, PhoneFeeder
from cloud.phone.pages import Pages
from cloud.pki.authority import Authority
from cloud.reasons.desk import ReasonDesk
from cloud.reasons.pages import Pages as ReasonPages
from cloud.registry.snapshot import Registry
from contract.signing import Signer

# What the city's key signs nowhere else: nobody else can make of it the key that signs for telephones, or the secret of
# the codes, and every process of the city makes the same.
_KEY, _CODES = b"manyi key for telephones", b"manyi codes of the minute"


class Phones:
    """`city` is the city's key; `ingest` is this process's, if it ingests.

    `waiting`: where contacts wait for their cases, if it serves.
    `pki`: the folder of the CA that certifies those who speak for telephones; None: there is none.
    """

    def __init__(
        self,
        database: Database,
        city: Signer,
        *,
        ingest: Ingest | None,
        charge: Charge,
        waiting: Waiting | None,
        pki: str | None,
        registry: Callable[[], Registry],
        calendar: Calendar,
        now: Callable[[], int],
        monotonic: Callable[[], float],
        random_bits: Callable[[int], int],
    ) -> None:
        """`now` is the city's time in ms, `monotonic` counts seconds, `random_bits(n)` gives n random bits."""
        signer = Signer(sha256(city.sign(_KEY)).digest())
        self._feeder: PhoneFeeder | None = None
        self.routers: Sequence[APIRouter] = ()
        if ingest is not None:
            self._feeder = PhoneFeeder(
                database,
                signer,
                receive=ingest.receive,
                covers=charge.covers,
                registry=registry,
                registers=lambda: charge.feeds_series,
                certify=None if pki is None else _certifying(Path(pki), now),
                now=now,
                monotonic=monotonic,
            )
            ingest.listeners.append(self._feeder.committed)
        if waiting is not None:
            desk = PhoneDesk(
                database,
                signer,
                sha256(city.sign(_CODES)).digest(),
                registry=registry,
                now=now,
                monotonic=monotonic,
                random_bits=random_bits,
                taken=self._wake,
            )
            screens = Screens(calendar)
            reasons = ReasonPages(ReasonDesk(database, waiting, now=now), screens, registry=registry, now=now)
            pages = Pages(desk, screens, reasons.thanks, registry=registry, now=now, random_bits=random_bits)
            self.routers = (
                pages.router(),
                reasons.router(),
                CodePages(desk, screens, registry=registry, now=now).router(),
            )
        self.checks: Sequence[tuple[str, Check]] = ()
        self.sources: Sequence[Source] = ()
        if (feeder := self._feeder) is not None:
            self.checks = [("telephones", partial(checks.untroubled, lambda: feeder.trouble, vital=False))]
            self.sources = [self._figures]

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin to feed."""
        self._feeding = None if self._feeder is None else tasks.create_task(self._feeder.run(), name="telephones")

    def stop(self) -> None:
        """Feed nothing more; what was taken waits in the database."""
        if self._feeding is not None:
            self._feeding.cancel()

    def _wake(self) -> None:
        if self._feeder is not None:
            self._feeder.wake()

    def _figures(self) -> Iterator[Metric]:
        assert self._feeder is not None  # noqa: S101  (who has none has not these figures)
        return gauges(
            {
                "telephones_waiting": ("Ratings by telephone that the ledger has not yet", self._feeder.waiting),
                "telephones_troubled": ("Whether they wait for the database", self._feeder.trouble is not None),
            }
        )


def _certifying(folder: Path, now: Callable[[], int]) -> Certify:
    authority = Authority.open(folder)
    return lambda name, key: authority.current(name, key, now()).decode()
