"""The city on several machines, as far as one can play it: workers, API processes, and nginx before them."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx

from firmware_sim import loopback
from firmware_sim.box import Box, Order, answers
from firmware_sim.children import Child
from firmware_sim.ground import Ground
from firmware_sim.premises import cloud
from firmware_sim.servers.daemon import HOST, free_port
from firmware_sim.servers.nginx import Front

WORKERS = 3
APIS = 2
_HELD = re.compile(r'^manyi_county_held\{county="(\d{6})"\} 1\.0$', re.MULTILINE)
_CLIENTS = re.compile(r"^manyi_sse_clients (\S+)$", re.MULTILINE)
_ASK_S = 2.0


class Process:
    """One process of the city with an address of its own, at which it tells how it is."""

    def __init__(self, child: Child, port: int) -> None:
        """`port` is where it serves HTTP."""
        self.child = child
        self.port = port

    async def metrics(self) -> str:
        """Return what it tells Prometheus; nothing from one that is down or hangs."""
        try:
            async with loopback.client(timeout=_ASK_S) as client:
                return (await client.get(f"http://{HOST}:{self.port}/metrics")).text
        except httpx.TransportError:
            return ""

    async def counties(self) -> set[str]:
        """Return the counties that this worker says to have; none from one that does not answer."""
        return set(_HELD.findall(await self.metrics()))

    async def onlookers(self) -> int:
        """Return how many streams of the wall this API process has open."""
        found = _CLIENTS.search(await self.metrics())
        return int(float(found[1])) if found else 0


class Cluster(Box):
    """A box whose cloud is several processes on a ground with PostgreSQL; the wall is behind nginx, at its port."""

    def __init__(
        self,
        order: Order,
        folder: Path,
        group: asyncio.TaskGroup,
        *,
        wall_ms: Callable[[], int],
        ground: Ground,
        shipped: Path,
    ) -> None:
        """As a box; `shipped` is the nginx configuration of an installation, `docker/nginx/cluster.conf`."""
        super().__init__(order, folder, group, wall_ms=wall_ms, ground=ground)
        self.workers = [self._process(f"worker{number}", "ingest") for number in range(WORKERS)]
        self.apis = [self._process(f"api{number}", "web") for number in range(APIS)]
        self.front = Front(folder / "front", shipped, [api.port for api in self.apis], port=order.http)

    @property
    def all_counties(self) -> set[str]:
        """The counties that have windows."""
        return {township.code[:6] for township in self.plan}

    async def holders(self) -> Counter[str]:
        """Return how many workers say to have each county that has windows."""
        held = await asyncio.gather(*(worker.counties() for worker in self.workers))
        return Counter(county for counties in held for county in counties if county in self.all_counties)

    async def shared_out(self) -> None:
        """Wait until each county with windows has one worker."""
        while await self.holders() != Counter(self.all_counties):  # noqa: ASYNC110  (other processes have no Event)
            await asyncio.sleep(0.1)

    async def lay_foundation(self) -> None:
        """Lay that of a box, and write the settings of each process."""
        await super().lay_foundation()
        for process in (*self.workers, *self.apis):
            wires = self.ground.wires(process.port)
            settings = cloud(wires, self.order.habits, self.ground.stores)
            self._settings(process.child.name).write_text(settings, encoding="utf-8")

    async def _open_cloud(self) -> None:
        processes = (*self.workers, *self.apis)
        for process in processes:
            await self._start(process.child)
        await asyncio.gather(*(answers(f"http://{HOST}:{process.port}/metrics", {}) for process in processes))
        await self.front.start()
        await self.shared_out()

    async def _close_cloud(self) -> None:
        await asyncio.gather(*(process.child.stop() for process in (*self.workers, *self.apis)))
        await self.front.stop()

    def _settings(self, name: str) -> Path:
        return self._config.with_name(f"{name}.toml")

    def _process(self, name: str, role: str) -> Process:
        child = self._child(name, "cloud", "run", "--config", self._settings(name), "--only", role)
        return Process(child, free_port())
