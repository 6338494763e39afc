"""A process of the city: builds its roles, runs them in one TaskGroup, and stops them in the right order."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from fastapi import APIRouter

from cloud.address import shown, url_of
from cloud.app import create_app
from cloud.board.load import load
from cloud.board.rules import Board
from cloud.calendar import Calendar
from cloud.cases import policy as cases_policy
from cloud.channels import open_channels, without
from cloud.copy.target import check_finished
from cloud.database import Database, open_database, unavailable
from cloud.desks import Desks
from cloud.health import routes as health
from cloud.health.metrics import Metrics, Source
from cloud.health.routes import Check
from cloud.hours.holder import OfficesHolder
from cloud.http import Server, address_of, bind
from cloud.ingest.charge import Charge, charge_of
from cloud.ingest.worker import Ingest
from cloud.ingesting import open_ingesting
from cloud.pki import routes as pki_routes
from cloud.pki.enrolment import Enrolment
from cloud.pki.renewal import Renewal
from cloud.reception import Reception
from cloud.registry.snapshot import Registry
from cloud.registry.store import seed_places
from cloud.registry.worker import RegistryHolder
from cloud.role import Role
from cloud.routers import of_the_ledger
from cloud.series.opening import Opened, open_series
from cloud.serving import open_serving
from cloud.settings import Only, Settings
from contract.errors import SettingsError
from contract.identity import EPOCH_BITS, epoch_text
from contract.signing import Signer
from contract.version import __version__

logger = logging.getLogger(__name__)


class City:
    """One process by `settings`: the whole city, or `only` one of its roles, of which there may then be several.

    `signer` is its key. `now` is its time in ms, `monotonic` counts seconds, `random_bits(n)` gives n random bits for
    names of boots. `listener` is a bound socket, made from the settings if left out. `address` is known once `ready`.
    `tell` says a line to the person who started it: by which link the first one comes in.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        signer: Signer,
        now: Callable[[], int],
        monotonic: Callable[[], float],
        random_bits: Callable[[int], int],
        listener: socket.socket | None = None,
        only: Only | None = None,
        tell: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.ready = asyncio.Event()
        self.address = ""
        self._settings = settings
        self._signer = signer
        self._now = now
        self._monotonic = monotonic
        self._random_bits = random_bits
        self._listener = listener
        self._only = only
        self._tell = tell
        self._calendar = Calendar(settings.zone)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Make `run` settle what was taken, and return."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until stopped. Raises `SettingsError` or `Unavailable` before anything was started."""
        settings = self._settings
        async with AsyncExitStack() as stack:
            listener = self._listener or bind(settings.http)
            stack.callback(listener.close)
            database = await stack.enter_async_context(
                await open_database(
                    settings.database, password_file=settings.database_password_file, sole=self._only != "web"
                )
            )
            if self._only is not None and not database.shared:
                raise SettingsError(
                    f"--only {self._only}: several processes need a PostgreSQL, not {settings.database}"
                )
            with unavailable():
                await check_finished(database, shown(url_of(settings.database)))
                await seed_places(database.writer)
                holder = RegistryHolder(database.reader, now=self._now)
                await holder.refresh()
            charge = charge_of(database, lambda: holder.current.county_codes)
            series = await stack.enter_async_context(
                open_series(
                    settings.series,
                    database,
                    calendar=self._calendar,
                    now=self._now,
                    may_feed=lambda: charge.feeds_series,
                )
            )
            reception = Reception(
                database,
                now=self._now,
                monotonic=self._monotonic,
                random_bits=self._random_bits,
                oidc=None if self._only == "ingest" else settings.oidc,
            )
            first = None if self._only == "ingest" else await reception.entry.first_link()
            await self._run(
                await self._roles(database, holder, charge, series, reception), holder, reception, first, listener
            )

    async def _roles(
        self, database: Database, holder: RegistryHolder, charge: Charge, series: Opened, reception: Reception
    ) -> list[Role]:
        """What this process does; what ends first stands first."""
        roles: list[Role] = []
        ingest = None
        waiting = None
        offices = OfficesHolder(lambda: holder.current.offices, self._calendar, now=self._now)
        if self._only != "web":
            ingest = self._ingest(database, holder, charge)
            roles.append(
                await open_ingesting(
                    self._settings,
                    database,
                    ingest,
                    series.feeder,
                    offices,
                    signer=self._signer,
                    charge=charge,
                    registry=partial(_current, holder),
                    calendar=self._calendar,
                    now=self._now,
                    monotonic=self._monotonic,
                )
            )
        if self._only != "ingest":
            registry, calendar, now = partial(_current, holder), self._calendar, self._now
            further = of_the_ledger(
                database.reader, series.reader, offices.current, registry=registry, calendar=calendar, now=now
            )
            serving = await open_serving(
                self._settings.broker,
                database,
                partial(self._load, database, holder),
                holder,
                ingest,
                [*further, *self._enrolment(database)],
                name=self._name(),
                calendar=calendar,
                veil=cases_policy.shipped().veil,
                now=now,
            )
            desks = Desks(
                database,
                reception,
                devices=serving.devices,
                hears=serving.hears,
                registry=registry,
                offices=offices.current,
                calendar=calendar,
                now=now,
                least=self._settings.least,
                attachments=Path(self._settings.attachments or "attachments"),
                contacts=Path(self._settings.contacts or "contacts"),
                random_bits=self._random_bits,
                without=without(self._settings),
            )
            roles += [serving, desks]
            waiting = desks.waiting
        channels = open_channels(
            self._settings,
            database,
            self._signer,
            ingest=ingest,
            charge=charge,
            waiting=waiting,
            registry=partial(_current, holder),
            calendar=self._calendar,
            now=self._now,
            monotonic=self._monotonic,
            random_bits=self._random_bits,
        )
        return [*channels, *roles]

    def _ingest(self, database: Database, holder: RegistryHolder, charge: Charge) -> Ingest:
        return Ingest(
            self._settings,
            database,
            holder,
            charge,
            signer=self._signer,
            name=self._name,
            now=self._now,
            calendar=self._calendar,
            monotonic=self._monotonic,
        )

    def _enrolment(self, database: Database) -> Iterator[APIRouter]:
        if self._settings.pki is not None:
            folder = Path(self._settings.pki)
            enrolment = Enrolment(folder, database.writer, now=self._now)
            renewal = Renewal(folder, self._signer, now=self._now)
            yield pki_routes.router(enrolment, renewal, monotonic=self._monotonic)

    async def _run(
        self,
        roles: list[Role],
        holder: RegistryHolder,
        reception: Reception,
        first: str | None,
        listener: socket.socket,
    ) -> None:
        checks: list[tuple[str, Check]] = [check for role in roles for check in role.checks]
        sources: list[Source] = [source for role in roles for source in role.sources]
        probes = health.probes(version=__version__, checks=checks, metrics=Metrics(sources))
        routers = [*(router for role in roles for router in role.routers), probes]
        server = Server(create_app(routers, door=reception.door, names=self._settings.http.names))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listener]), name="http")
            watch = tasks.create_task(holder.run(), name="registry")
            for role in roles:
                role.start(tasks)
            while not server.started:  # noqa: ASYNC110  (uvicorn tells by nothing else)
                await asyncio.sleep(0.01)
            self.address = address_of(listener)
            self.ready.set()
            logger.info("%s at %s", f"{self._only} only" if self._only else "the wall is", self.address)
            if first is not None:
                self._tell(f"nobody can come in yet: the first one begins at {self.address}welcome?link={first}")
            await self._stopping.wait()
            watch.cancel()
            # Intake first; what it still settles is in the ledger, and a wall that comes back gets it in its snapshot.
            for role in roles:
                role.stop()
            server.stop()

    async def _load(self, database: Database, holder: RegistryHolder) -> Board:
        now = self._now()
        veil = cases_policy.shipped().veil
        loaded = await load(database.reader, self._calendar, now, veil)
        return Board(
            loaded,
            boot=self._name(),
            now=now,
            calendar=self._calendar,
            least=self._settings.least,
            veil=veil,
            townships=holder.current.townships,
            lone=holder.current.lone(now),
        )

    def _name(self) -> str:
        return epoch_text(self._random_bits(EPOCH_BITS))


def _current(holder: RegistryHolder) -> Registry:
    return holder.current
