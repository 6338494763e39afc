"""A channel's part of a city's process: its pages where it serves, its way into the ledger where it ingests."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter
from prometheus_client.metrics_core import Metric

from cloud.database import Database
from cloud.health import checks
from cloud.health.metrics import Source, gauges
from cloud.health.routes import Check
from cloud.ingest.charge import Charge
from cloud.ingest.worker import Ingest
from cloud.registry.snapshot import Registry
from cloud.registry.speakers import certifying
from cloud.spoken.feeder import Feeder
from cloud.spoken.store import Kept
from contract.signing import Signer


class Channel(NamedTuple):
    """`name` stands behind a node's dot, `called` is what people call its senders; `kept`: where they wait."""

    name: str
    called: str
    kept: Kept

    def signer(self, city: Signer) -> Signer:
        """Return the key that signs for the channel; every process with the key of the `city` makes the same."""
        # What the city's key signs nowhere else.
        return Signer(sha256(city.sign(f"manyi key for {self.called}".encode())).digest())


class Spoken:
    """`ingest` is this process's, if it ingests; `routers` are what it serves of the channel.

    `pki`: the folder of the CA that certifies those who speak for the channel; None: there is none.
    """

    def __init__(
        self,
        channel: Channel,
        database: Database,
        city: Signer,
        *,
        ingest: Ingest | None,
        charge: Charge,
        pki: str | None,
        registry: Callable[[], Registry],
        now: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        """`city` is the city's key, `now` its time in ms, `monotonic` counts seconds."""
        self.routers: list[APIRouter] = []
        self.checks: Sequence[tuple[str, Check]] = ()
        self.sources: Sequence[Source] = ()
        self._called = channel.called
        self._feeder: Feeder | None = None
        if ingest is not None:
            self._feeder = feeder = Feeder(
                database,
                channel.kept,
                channel.signer(city),
                channel=channel.name,
                called=channel.called,
                receive=ingest.receive,
                covers=charge.covers,
                registry=registry,
                registers=lambda: charge.feeds_series,
                certify=None if pki is None else certifying(Path(pki), now),
                now=now,
                monotonic=monotonic,
            )
            ingest.listeners.append(feeder.committed)
            self.checks = [(channel.called, partial(checks.untroubled, lambda: feeder.trouble, vital=False))]
            self.sources = [self._figures]

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin to feed."""
        self._feeding = None if self._feeder is None else tasks.create_task(self._feeder.run(), name=self._called)

    def stop(self) -> None:
        """Feed nothing more; what was taken waits in the database."""
        if self._feeding is not None:
            self._feeding.cancel()

    def wake(self) -> None:
        """Something was taken."""
        if self._feeder is not None:
            self._feeder.wake()

    def _figures(self) -> Iterator[Metric]:
        assert self._feeder is not None  # noqa: S101  (who has none has not these figures)
        called = self._called
        return gauges(
            {
                f"{called}_waiting": (f"Batches of {called} that the ledger has not yet", self._feeder.waiting),
                f"{called}_troubled": ("Whether they wait for the database", self._feeder.trouble is not None),
            }
        )
