"""The serving role of a city's process: the board and its stream, the API and the wall's pages."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter
from prometheus_client.metrics_core import Metric

from cloud.board import routes as board_routes
from cloud.board.picture import Cases
from cloud.board.rules import Board
from cloud.board.stream import Stream
from cloud.calendar import Calendar
from cloud.cases.panel import Panel
from cloud.clocks import store as clocks_store
from cloud.clocks.rules import Skew
from cloud.database import Database
from cloud.health import checks
from cloud.health import routes as health
from cloud.health.metrics import Source, fleet, gauges, skewed
from cloud.health.routes import Check
from cloud.health.worker import Listener
from cloud.ingest.worker import Ingest
from cloud.ledger.follower import Follower
from cloud.looking import Looking
from cloud.losses import store as losses_store
from cloud.losses.rules import Loss
from cloud.quarantine import routes as quarantine
from cloud.registry.worker import RegistryHolder
from cloud.seals import store as seals_store
from cloud.seals.rules import shown
from cloud.wall import pages
from proof.seals import Sealed
from transport.broker import Broker

# How often it is looked who changed what in the database, seconds.
CLOCKS_S = 2.0
LOSSES_S = 5.0
SEALS_S = 5.0
CASES_S = 2.0


class Serving:
    """One API process. `follower` brings it the commits that other processes make, where there may be any."""

    def __init__(
        self,
        stream: Stream,
        status: Listener,
        clocks: Looking[dict[str, Skew]],
        losses: Looking[dict[str, list[Loss]]],
        sealed: Looking[list[Sealed]],
        cases: Looking[Cases],
        database: Database,
        follower: Follower | None,
        *,
        further: Sequence[APIRouter],
    ) -> None:
        self._stream = stream
        self._status = status
        self.devices = status.devices
        self._clocks = clocks
        self._looking: tuple[tuple[str, Looking[Any]], ...] = (
            ("clocks", clocks),
            ("losses", losses),
            ("seals", sealed),
            ("cases", cases),
        )
        stream.cases = lambda: cases.seen
        stream.seal = lambda: next(map(shown, sealed.seen), None)
        self._follower = follower
        self.routers: Sequence[APIRouter] = (
            board_routes.router(stream),
            *further,
            health.router(status.devices),
            quarantine.router(database.reader),
            pages.router(),
        )
        watched: list[tuple[str, Check]] = [
            ("store", partial(checks.readable, database.reader)),
            ("statuses", partial(checks.connected, lambda: status.up)),
            ("clocks", partial(checks.in_time, self._skews)),
        ]
        if follower is not None:
            stream.current = lambda: follower.trouble is None
            watched.append(("commits", partial(checks.untroubled, lambda: follower.trouble)))
        self.checks: Sequence[tuple[str, Check]] = watched
        self.sources: Sequence[Source] = (self._figures, self._fleet, self._skewed)

    def hears(self) -> bool:
        """Whether what the devices say of themselves arrives."""
        return self._status.up

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin to follow and to listen."""
        self._sending = tasks.create_task(self._stream.run(), name="board")
        tasks.create_task(self._status.run(), name="status")
        self._reading = [tasks.create_task(looking.run(), name=name) for name, looking in self._looking]
        if self._follower is not None:
            self._following = tasks.create_task(self._follower.run(), name="follower")

    def stop(self) -> None:
        """End every stream; a wall that comes back gets what it missed in its snapshot."""
        self._status.stop()
        self._stream.close()
        self._sending.cancel()
        for reading in self._reading:
            reading.cancel()
        if self._follower is not None:
            self._following.cancel()

    def _skewed(self) -> Iterator[Metric]:
        return skewed(self._skews())

    def _skews(self) -> list[Skew]:
        return list(self._clocks.seen.values())

    def _fleet(self) -> Iterator[Metric]:
        return fleet(self._status.devices(), self._status.refused)

    def _figures(self) -> Iterator[Metric]:
        return gauges(
            {
                "status_up": ("Whether the connection for statuses stands", self._status.up),
                "sse_clients": ("Open streams of the board", self._stream.clients),
            }
        )


async def open_serving(
    broker: Broker,
    database: Database,
    load: Callable[[], Awaitable[Board]],
    holder: RegistryHolder,
    ingest: Ingest | None,
    further: Sequence[APIRouter],
    *,
    name: str,
    calendar: Calendar,
    now: Callable[[], int],
) -> Serving:
    """Return the role with a board that `load` makes; `ingest` is this process's own, `further` are more routes.

    `name` is the process's, `now` the city's time in ms, `calendar` has its hours.
    """
    board = await load()
    stream = Stream(board, clock=now, load=load)
    holder.listeners.append(lambda changed: stream.know(changed.townships, changed.lone(now())))
    clocks = Looking[dict[str, Skew]](database, clocks_store.skews, {}, every_s=CLOCKS_S)
    losses = Looking[dict[str, list[Loss]]](
        database, lambda connection: losses_store.of_nodes(connection, status.damaged), {}, every_s=LOSSES_S
    )
    sealed = Looking[list[Sealed]](database, partial(seals_store.newest, count=1), [], every_s=SEALS_S)
    cases = Looking[Cases](database, Panel(calendar, now).read, Cases(), every_s=CASES_S)
    status = Listener(
        broker,
        client_id=f"city-{name}-status",
        registry=lambda: holder.current,
        clock=now,
        tell=stream.tell,
        skews=lambda: clocks.seen,
        losses=lambda: losses.seen,
        city=lambda: None if ingest is None else ingest.ailment,
    )
    follower = None
    if database.shared:
        follower = Follower(database.reader, stream.committed, lost=stream.lost, after=board.commits)
    elif ingest is not None:
        ingest.listeners.append(stream.committed)
    return Serving(stream, status, clocks, losses, sealed, cases, database, follower, further=further)
