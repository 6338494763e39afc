"""The houses of the model: the product's own node, gateway and city, each on a host that can die and be restored."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any, Self, cast

from sqlalchemy import make_url

from cloud.calendar import Calendar
from cloud.database import Database
from cloud.ingest.charge import Whole
from cloud.ingest.worker import Ingest
from cloud.registry.snapshot import RegisteredNode, RegisteredWindow, Registry
from cloud.registry.worker import RegistryHolder
from cloud.settings import Settings as CitySettings
from contract.config import RosterNode, WindowPins
from contract.errors import StoreFull
from contract.identity import epoch_text
from contract.signing import Signer, public_key
from edge.node import Node
from edge.session import Choice
from edge.settings import Settings as NodeSettings
from gateway.post import Gateway
from gateway.settings import Settings as GatewaySettings
from tests.model.host import HOST, Host
from tests.model.loop import VirtualLoop
from tests.model.network import Network
from tests.model.platter import Platter
from transport.broker import Broker

TOWNSHIP = "371721121"
NODES = ("a1", "a2")
WINDOWS = ("01", "02")
SIGNERS = {name: Signer(name.encode().ljust(32, b".")) for name in (*NODES, "g0", "city")}
TOWNSHIP_BROKER, CITY_BROKER = Broker("township"), Broker("city")
RESTART_S = 2.0
ZONE = Calendar("Asia/Shanghai")


def leaves(failure: BaseException) -> list[BaseException]:
    """The errors that a task group gathered."""
    if isinstance(failure, BaseExceptionGroup):
        return [leaf for part in failure.exceptions for leaf in leaves(part)]
    return [failure]


def node_name(short: str) -> str:
    return f"{TOWNSHIP}-{short}"


class House:
    """One process on one host. `begin` makes what its process runs."""

    def __init__(self, name: str, loop: VirtualLoop, network: Network, platter: Platter, drift: float) -> None:
        self.name = name
        self.host = Host(name, loop, platter, drift)
        self._loop = loop
        self._network = network
        self._work: set[asyncio.Task[Any]] = set()
        platter.kill = self.kill

    @property
    def platter(self) -> Platter:
        return self.host.platter

    @property
    def runs(self) -> bool:
        return bool(self._work)

    def start(self) -> None:
        if not self.runs:
            self.spawn(self.begin())

    def begin(self) -> Coroutine[Any, Any, None]:
        raise NotImplementedError

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let `work` be done by this house's process."""
        context = copy_context()
        context.run(HOST.set, self.host)
        task = self._loop.create_task(work, name=self.name, context=context)
        self._work.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if task not in self._work:
            return  # it was killed
        self._work.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is None:
            return
        if all(isinstance(leaf, StoreFull) for leaf in leaves(failure)):
            # It ends, with a line that says why, and the machine's supervisor starts it again.
            self.kill()
            self._loop.call_later(RESTART_S, self.start)
        else:
            self._loop.failures.append(failure)

    def kill(self) -> None:
        """`kill -9`: nothing that the process would still do reaches a disk or a wire."""
        self.platter.let_go()
        self._network.silence(self.host)
        for task in self._work:
            task.cancel()
        self._work.clear()

    def power_cut(self) -> None:
        self.kill()
        self.host.power_on()


class Panel:
    """The windows of a node, without pins: `press` is a choice that has just settled."""

    settled = ignored = refused = 0

    def __init__(self, *_: object, record: Callable[[Choice], Coroutine[Any, Any, None]], **__: object) -> None:
        self._record = record
        cast("NodeHost", HOST.get()).panel = self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to close."""

    def stuck(self) -> list[str]:
        return []

    async def press(self, choice: Choice) -> bool:
        """Whether the light came on."""
        try:
            await self._record(choice)
        except StoreFull:
            return False
        return True


class NodeHost(Host):
    """A host with buttons; `panel` is what its present process has made of them."""

    panel: Panel | None = None


class NodeHouse(House):
    def __init__(self, name: str, loop: VirtualLoop, network: Network, platter: Platter, drift: float) -> None:
        super().__init__(name, loop, network, platter, drift)
        self.host = NodeHost(name, loop, platter, drift)
        pins = [WindowPins(id_, 1, 2, 3) for id_ in WINDOWS]
        self._settings = NodeSettings(
            node_name(name), f"{name}.db", "key", SIGNERS["city"].public, TOWNSHIP_BROKER, pins, "mock"
        )
        self.node: Node | None = None
        self._pressing: list[asyncio.Task[None]] = []

    def begin(self) -> Coroutine[Any, Any, None]:
        cast("NodeHost", self.host).panel = None
        self.node = Node(self._settings, factory=cast("Any", None), signer=SIGNERS[self.name])
        return self.node.run()

    def press(self, choice: Choice, lit: Callable[[], None]) -> bool:
        """Whether there was a panel to press; `lit` is called when the light comes on."""
        panel = cast("NodeHost", self.host).panel
        if not self.runs or panel is None:
            return False

        async def pressed() -> None:
            if await panel.press(choice):
                lit()

        self._pressing = [task for task in self._pressing if not task.done()]
        self._pressing.append(self.spawn(pressed()))
        return True

    def close_windows(self) -> None:
        """A new configuration: what the windows could not record in time is given up, and the windows open anew."""
        for task in self._pressing:
            task.cancel()


class GatewayHouse(House):
    def __init__(self, name: str, loop: VirtualLoop, network: Network, platter: Platter, drift: float) -> None:
        super().__init__(name, loop, network, platter, drift)
        roster = [RosterNode(node_name(node), SIGNERS[node].public) for node in NODES]
        self._settings = GatewaySettings(
            TOWNSHIP, "g0.db", "key", SIGNERS["city"].public, TOWNSHIP_BROKER, CITY_BROKER, roster=roster
        )
        self.gateway: Gateway | None = None

    def begin(self) -> Coroutine[Any, Any, None]:
        self.gateway = Gateway(self._settings, SIGNERS["g0"])
        return self.gateway.run()


class CityHouse(House):
    """The real ingest, committer and receipts, on engines that carry out SQLAlchemy's part in memory."""

    def __init__(self, name: str, loop: VirtualLoop, network: Network, platter: Platter, drift: float) -> None:
        super().__init__(name, loop, network, platter, drift)
        self._holder: Any = SimpleNamespace(current=registry(1, NODES), listeners=[])
        self._settings = CitySettings("city.db", "key", CITY_BROKER)

    def register(self, nodes: tuple[str, ...]) -> None:
        """The registry knows `nodes` from now on, and no others."""
        self._holder.current = registry(self._holder.current.version + 1, nodes)
        for listener in self._holder.listeners:
            listener(self._holder.current)

    def begin(self) -> Coroutine[Any, Any, None]:
        self._holder.listeners.clear()
        return self._run()

    async def _run(self) -> None:
        host = self.host
        engine = Engine(host.platter)
        await Ingest(
            self._settings,
            cast("Database", SimpleNamespace(writer=engine, reader=engine, shared=False)),
            cast("RegistryHolder", self._holder),
            Whole(),
            signer=SIGNERS["city"],
            name=lambda: epoch_text(host.bits()),
            now=host.wall_ms,
            calendar=ZONE,
            monotonic=self._loop.time,
        ).run()


class Engine:
    """What the city uses of an SQLAlchemy engine."""

    url = make_url("sqlite+aiosqlite://")

    def __init__(self, platter: Platter) -> None:
        self._handle = platter.open()
        # The writer has one connection.
        self._writing = asyncio.Lock()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["Connection"]:
        yield Connection(self, self._handle)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator["Connection"]:
        async with self._writing:
            await self._handle.execute("BEGIN IMMEDIATE")
            try:
                yield Connection(self, self._handle)
                await self._handle.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.OperationalError):
                    await self._handle.execute("ROLLBACK")
                raise


class Connection:
    def __init__(self, engine: Engine, handle: Any) -> None:  # noqa: ANN401
        self.engine = engine
        self._handle = handle

    def in_transaction(self) -> bool:
        return True

    async def get_raw_connection(self) -> SimpleNamespace:
        return SimpleNamespace(driver_connection=self._handle)


def registry(version: int, nodes: tuple[str, ...]) -> Registry:
    """A registry with the gateway and `nodes`, all of whose windows are known."""
    known = [(node_name(name), SIGNERS[name], "node") for name in nodes]
    gateway = RegisteredNode(node_name("g0"), "gateway", TOWNSHIP, public_key(SIGNERS["g0"].public), 0, None)
    return Registry(
        version,
        nodes=[gateway, *(RegisteredNode(n, "node", TOWNSHIP, public_key(s.public), 0, None) for n, s, _ in known)],
        windows=[RegisteredWindow(f"{node_name(n)}/{w}", 0, None) for n in NODES for w in WINDOWS],
    )
