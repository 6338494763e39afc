"""The city in a box: servers, cloud, gateways and a fleet as processes of their own, and an onlooker at the wall."""

import asyncio
import csv
import json
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from signal import SIGUSR1
from typing import NamedTuple

import httpx

from firmware_sim import loopback
from firmware_sim.children import Child
from firmware_sim.cityplan import lay_out
from firmware_sim.evidence import Allowed
from firmware_sim.ground import Ground
from firmware_sim.onlooker import Onlooker
from firmware_sim.premises import Habits, Keys, Premises, Wires, build

# Beyond so many nodes, the others are played by their protocol alone.
REAL_NODES = 200
_POLL_S = 0.05
_LINK = re.compile(r"/welcome\?link=[\w-]+")


class Order(NamedTuple):
    """What kind of city: `per_s` visits a second in all, `http` the wall's port."""

    windows: int
    townships: int
    seed: int
    per_s: float
    http: int
    habits: Habits


class Records(NamedTuple):
    """What the city leaves behind: its ledger as an SQLite file, and where its series contradicted that."""

    database: Path
    series: list[str]


class Box:
    """Opened step by step in the order of the way up, closed in the order of the way down.

    A child that ends by itself ends `group` with `ChildDied`; whoever tests that kills it through its `Child`.
    """

    def __init__(
        self,
        order: Order,
        folder: Path,
        group: asyncio.TaskGroup,
        *,
        wall_ms: Callable[[], int],
        ground: Ground | None = None,
        sabotage: Mapping[str, Sequence[str]] | None = None,
        door: int | None = None,
    ) -> None:
        """Plan it in `folder`, which is new or empty; nothing is written or started yet.

        Without `ground` city and townships share one broker. `sabotage`, by the name of a child, stands in its command
        in place of `-m`: a script and its words, which damages the child on purpose and then runs it. `door`: the port
        where the wall is looked at, if there is something between it and `order.http`.
        """
        self.order = order
        self.folder = folder
        self._group = group
        self._sabotage = sabotage or {}
        self._config = folder / "city" / "cloud" / "cloud.toml"
        self.plan = lay_out(township_codes(), windows=order.windows, townships=order.townships, seed=order.seed)
        self.address = f"http://127.0.0.1:{door or order.http}"
        self.log = folder / "fingers.log"
        self.allowed = Allowed([], [], {})
        self.ground = ground or Ground.of_one_broker(folder)
        self.onlooker: Onlooker
        self.premises: Premises
        self._wall_ms = wall_ms
        self.cloud = self._child("cloud", "cloud", "run", "--config", self._config)
        self.gateways = self._child("gateways", "firmware_sim.townships", folder / "gateways.json", speaks=True)
        self.fleet = self._child("fleet", "firmware_sim.fleet", folder / "fleet.json", speaks=True)
        self._looking: asyncio.Task[None] | None = None
        self._quiet = False

    @property
    def keys(self) -> Keys:
        """Return by which keys a wall and a program come in, once the foundation is laid."""
        return self.premises.keys

    def wall(self, view: str) -> str:
        """Return the address at which a browser hangs `view` on a wall."""
        return f"{self.address}/{view}?key={self.keys.wall}"

    async def lay_foundation(self) -> None:
        """Start the servers; write keys and settings, and register every node with the city."""
        ground, order = self.ground, self.order
        await ground.start()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.premises = self._build(self.folder / "city", ground.wires(order.http))
        self.onlooker = Onlooker(self.address, header=self.keys.header, wall_ms=self._wall_ms)
        nodes, gateways = [*map(str, self.premises.nodes)], [*map(str, self.premises.gateways)]
        (self.folder / "gateways.json").write_text(json.dumps({"gateways": gateways}), encoding="utf-8")
        step = max(1, -(-len(nodes) // REAL_NODES))  # every so many is real, so that each township has some
        puppets = [node for number, node in enumerate(nodes) if number % step]
        fleet = {
            "nodes": nodes[::step],
            "puppets": puppets,
            "log": str(self.log),
            "seed": order.seed,
            "per_s": order.per_s,
        }
        (self.folder / "fleet.json").write_text(json.dumps(fleet), encoding="utf-8")
        if ground.postgres is not None:
            await self.errand("upgrade", "cli.main", "db", "upgrade", "--config", self._config)
        await self.errand("registration", "cloud", "register", "--config", self._config, self.premises.registration)

    async def open_city(self) -> None:
        """Start the cloud; returns when the wall's page answers, and watches it from then on."""
        await self._open_cloud()
        await answers(self.address + "/api/places", self.keys.header)
        self._looking = self._group.create_task(self.onlooker.run(), name="onlooker")

    async def first_link(self) -> str:
        """Return the address at which the first person comes in, once the city has said it; it does as it opens."""
        while (found := _LINK.search(self.cloud.log)) is None:  # noqa: ASYNC110  (another process has no Event)
            await asyncio.sleep(_POLL_S)
        return f"{self.address}{found[0]}"

    async def open_townships(self) -> None:
        """Start all gateways."""
        await self._start(self.gateways)
        await self.gateways.says("ready")

    async def open_windows(self) -> None:
        """Start all nodes; people come from now on."""
        await self._start(self.fleet)
        await self.fleet.says("ready")

    async def hush(self, *, within_s: float) -> bool:
        """Let nobody new step up to a window; True when the last one has left, False when that takes longer."""
        if not self._quiet:
            self.fleet.tell(SIGUSR1)
            try:
                async with asyncio.timeout(within_s):
                    await self.fleet.says("quiet")
            except TimeoutError:
                return False
            self._quiet = True
        return True

    async def restart(self, child: Child) -> None:
        """Start a house again after its end, and watch it as before."""
        await self._start(child)
        if child in (self.gateways, self.fleet):
            await child.says("ready")
        if child is self.fleet:
            self._quiet = False

    async def feed_series(self, *, within_s: float) -> bool:
        """Wait until what is in the ledger is in the series too; False when that takes longer."""
        try:
            async with asyncio.timeout(within_s):
                while await self.ground.series_behind(self.premises.database):  # noqa: ASYNC110  (no Event in a server)
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            return False
        return True

    async def close_windows(self) -> None:
        """Stop all nodes."""
        await self.fleet.stop()

    async def close_houses(self) -> None:
        """Stop what still runs of windows, gateways and cloud; the servers go on, to be asked."""
        if self._looking is not None:
            self._looking.cancel()
        await self.fleet.stop()
        # At once, for whoever pressed Ctrl-C waits: with no window open there is nothing more to hand on.
        await asyncio.gather(self.gateways.stop(), self._close_cloud())

    async def take_records(self) -> Records:
        """Return what can be judged, once all houses are closed; `ChildDied` where the city's own tools fail.

        A ledger on PostgreSQL is written to a file by the city's backup, so that one judge judges both kinds.
        """
        database = self.premises.database
        if self.ground.postgres is not None:
            await self.errand("backup", "cli.main", "backup", "--config", self._config, database)
        return Records(database, [] if self.ground.influx is None else await self._reconcile())

    async def close(self) -> None:
        """Stop everything that still runs, servers last."""
        await self.close_houses()
        await self.ground.stop()

    def _build(self, folder: Path, wires: Wires) -> Premises:
        return build(self.plan, folder, wires=wires, habits=self.order.habits, stores=self.ground.stores)

    async def _open_cloud(self) -> None:
        await self._start(self.cloud)

    async def _close_cloud(self) -> None:
        await self.cloud.stop()

    async def _reconcile(self) -> list[str]:
        said = await self.errand(
            "reconcile", "cli.main", "series", "reconcile", "--config", self._config, "--json", codes=(0, 1)
        )
        found = json.loads(said.splitlines()[-1])
        behind = await self.ground.series_behind(self.premises.database)
        told = [] if found["equal"] else [f"the series differed from the ledger: {', '.join(found['named'][:3])} ..."]
        return [*told, *([f"the series is {behind} ledger positions behind"] if behind else [])]

    async def errand(self, name: str, module: str, *words: str | Path, codes: Collection[int] = (0,)) -> str:
        """Run a command of the city's to its end and return what it said; `ChildDied` if it fails."""
        child = self._child(name, module, *words, speaks=True)
        await child.start()
        return await child.finish(codes=codes)

    def _child(self, name: str, module: str, *words: str | Path, speaks: bool = False) -> Child:
        log = self.folder / f"{name}.log"
        way = self._sabotage.get(name, ("-m",))
        return Child(name, [sys.executable, *way, module, *map(str, words)], log=log, speaks=speaks)

    async def _start(self, child: Child) -> None:
        await child.start()
        self._group.create_task(child.failed(), name=f"watch {child.name}")


def township_codes() -> list[str]:
    """Return the codes of all townships that the city's own table knows."""
    with files("cloud.registry").joinpath("places.csv").open(encoding="utf-8") as table:
        return [row["township_code"] for row in csv.DictReader(table)]


async def answers(address: str, header: Mapping[str, str]) -> None:
    """Wait until what is at `address` can be had, whoever brings it; a `header` lets in."""
    async with loopback.client(headers=header) as client:
        while not await _answers(client, address):  # noqa: ASYNC110  (another process has no Event)
            await asyncio.sleep(_POLL_S)


async def _answers(client: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await client.get(address)).is_success
    except httpx.TransportError:
        return False
