"""The serving role of a city's process: the board and its stream, the API and the wall's pages."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from fastapi import APIRouter
from prometheus_client.metrics_core import Metric

from cloud.board import routes as board_routes
from cloud.board.picture import Cases, Turnout
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
from cloud.visits.panel import Panel as VisitPanel
from cloud.wall import pages
from contract.veil import Veil
from proof.seals import Sealed
from transport.broker import Broker

# How often it is looked who changed what in the database, seconds.
CLOCKS_S = 2.0
LOSSES_S = 5.0
SEALS_S = 5.0
CASES_S = 2.0
# It moves with the veil; of half a million visits in a day one look takes 0.2 s.
TURNOUT_S = 10.0


class Looks(NamedTuple):
    """What others keep in the database, read again and again."""

    clocks: Looking[dict[str, Skew]]
    losses: Looking[dict[str, list[Loss]]]
    seals: Looking[list[Sealed]]
    cases: Looking[Cases]
    turnout: Looking[Turnout | None]


class Serving:
    """One API process. `follower` brings it the commits that other processes make, where there may be any."""

    def __init__(
        self,
        stream: Stream,
        status: Listener,
        looks: Looks,
        database: Database,
        follower: Follower | None,
        *,
        further: Sequence[APIRouter],
    ) -> None:
        self._stream = stream
        self._status = status
        self.devices = status.devices
        self._looks = looks
        stream.cases = lambda: looks.cases.seen
        stream.seal = lambda: next(map(shown, looks.seals.seen), None)
        stream.turnout = lambda: looks.turnout.seen
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
        named: dict[str, Looking[Any]] = self._looks._asdict()
        self._reading = [tasks.create_task(looking.run(), name=name) for name, looking in named.items()]
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
        return list(self._looks.clocks.seen.values())

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
    veil: Veil,
    now: Callable[[], int],
) -> Serving:
    """Return the role with a board that `load` makes; `ingest` is this process's own, `further` are more routes.

    `name` is the process's, `now` the city's time in ms, `calendar` has its hours; `veil` says what is not seen yet.
    """
    board = await load()
    stream = Stream(board, clock=now, load=load)
    holder.listeners.append(lambda changed: stream.know(changed.townships, changed.lone(now())))
    looks = Looks(
        clocks=Looking(database, clocks_store.skews, {}, every_s=CLOCKS_S),
        losses=Looking(
            database, lambda connection: losses_store.of_nodes(connection, status.damaged), {}, every_s=LOSSES_S
        ),
        seals=Looking(database, partial(seals_store.newest, count=1), [], every_s=SEALS_S),
        cases=Looking(database, Panel(calendar, now).read, Cases(), every_s=CASES_S),
        turnout=Looking(database, VisitPanel(calendar, now, veil).read, None, every_s=TURNOUT_S),
    )
    status = Listener(
        broker,
        client_id=f"city-{name}-status",
        registry=lambda: holder.current,
        clock=now,
        tell=stream.tell,
        skews=lambda: looks.clocks.seen,
        losses=lambda: looks.losses.seen,
        city=lambda: None if ingest is None else ingest.ailment,
    )
    follower = None
    if database.shared:
        follower = Follower(database.reader, stream.committed, lost=stream.lost, after=board.commits)
    elif ingest is not None:
        ingest.listeners.append(stream.committed)
    return Serving(stream, status, looks, database, follower, further=further)
