"""The city: builds every part, runs them in one TaskGroup, and stops them in the right order."""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

from cloud.app import create_app
from cloud.board.load import load
from cloud.board.rules import Board
from cloud.board.stream import Stream
from cloud.calendar import Calendar
from cloud.database import Database, open_database
from cloud.health import checks
from cloud.health.metrics import Ledger, Metrics
from cloud.health.worker import Listener
from cloud.http import Server, address_of, bind
from cloud.ingest.worker import Ingest
from cloud.registry.routes import Name
from cloud.registry.snapshot import Registry
from cloud.registry.store import seed_places
from cloud.registry.worker import RegistryHolder
from cloud.series.embedded import Embedded
from cloud.settings import Settings
from contract.identity import EPOCH_BITS, epoch_text
from contract.signing import Signer

logger = logging.getLogger(__name__)

HEZE = Name("菏泽市", "Heze")


class City:
    """One city by `settings`.

    `signer` is its key. `now` is its time in ms, `monotonic` counts seconds, `random_bits(n)` gives n random bits for
    names of boots. `listener` is a bound socket, made from the settings if left out. `address` is known once `ready`.
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
    ) -> None:
        self.ready = asyncio.Event()
        self.address = ""
        self._settings = settings
        self._signer = signer
        self._now = now
        self._monotonic = monotonic
        self._random_bits = random_bits
        self._listener = listener
        self._calendar = Calendar(settings.zone)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Make `run` settle what was taken, and return."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until stopped. Raises `SettingsError` before anything was started."""
        async with AsyncExitStack() as stack:
            listener = self._listener or bind(self._settings.http)
            stack.callback(listener.close)
            database = await stack.enter_async_context(await open_database(self._settings.database))
            await seed_places(database.writer)
            holder = RegistryHolder(database.reader, now=self._now)
            await holder.refresh()
            await self._run(database, holder, listener)

    async def _run(self, database: Database, holder: RegistryHolder, listener: socket.socket) -> None:
        fresh_board = partial(self._load, database, holder)
        stream = Stream(await fresh_board(), clock=self._now, load=fresh_board)
        ingest = Ingest(
            self._settings,
            database,
            holder,
            signer=self._signer,
            epoch=self._name(),
            now=self._now,
            day=self._calendar.day,
            monotonic=self._monotonic,
        )
        status = Listener(
            self._settings.broker,
            client_id=f"city-{self._name()}-status",
            registry=lambda: holder.current,
            clock=self._now,
            tell=stream.tell,
        )
        ledger = Ledger()
        ingest.listeners.extend((stream.committed, ledger.committed))
        holder.listeners.append(partial(_renamed, stream))
        server = Server(
            create_app(
                stream=stream,
                series=Embedded(database.reader, self._calendar),
                registry=lambda: holder.current,
                reader=database.reader,
                calendar=self._calendar,
                clock=self._now,
                city=HEZE,
                devices=status.devices,
                checks=(
                    ("database", partial(checks.writable, database.writer)),
                    ("broker", partial(checks.connected, lambda: ingest.up, lambda: status.up)),
                    ("ingest", partial(checks.untroubled, lambda: ingest.trouble)),
                ),
                metrics=Metrics(
                    ledger,
                    now=partial(_figures, ingest, status, stream),
                    devices=status.devices,
                    refused=lambda: status.refused,
                ),
            )
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listener]), name="http")
            tasks.create_task(stream.run(), name="board")
            tasks.create_task(status.run(), name="status")
            watch = tasks.create_task(holder.run(), name="registry")
            tasks.create_task(ingest.run(), name="ingest")
            while not server.started:  # noqa: ASYNC110  (uvicorn tells by nothing else)
                await asyncio.sleep(0.01)
            self.address = address_of(listener)
            self.ready.set()
            logger.info("the wall is at %s", self.address)
            await self._stopping.wait()
            # Intake first; what it still settles is in the ledger, and a wall that comes back gets it in its snapshot.
            ingest.stop()
            status.stop()
            watch.cancel()
            stream.close()
            server.stop()

    async def _load(self, database: Database, holder: RegistryHolder) -> Board:
        now = self._now()
        loaded = await load(database.reader, self._calendar, now)
        return Board(
            loaded,
            boot=self._name(),
            now=now,
            calendar=self._calendar,
            least=self._settings.least,
            townships=holder.current.townships,
        )

    def _name(self) -> str:
        return epoch_text(self._random_bits(EPOCH_BITS))


def _renamed(stream: Stream, registry: Registry) -> None:
    stream.know(registry.townships)


def _figures(ingest: Ingest, status: Listener, stream: Stream) -> dict[str, tuple[str, float]]:
    return {
        "ingest_up": ("Whether both of ingest's connections to the broker stand", ingest.up),
        "status_up": ("Whether the connection for statuses stands", status.up),
        "ingest_waiting_bytes": ("Bytes received and not yet settled", ingest.waiting_bytes),
        "ingest_dropped_payloads": ("Payloads that found the queue full; they come again", ingest.dropped),
        "ingest_troubled": ("Whether the database refuses commits", ingest.trouble is not None),
        "sse_clients": ("Open streams of the board", stream.clients),
    }
