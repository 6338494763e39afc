"""A township with a hall: a real city, a real gateway that serves its pages, and the line between them, to be cut."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path

import httpx
from paho.mqtt import publish

from cloud.phone.role import codes_secret
from contract import topics
from contract.batch import Batch
from contract.bundle import pack
from contract.codec import encode
from contract.rating import Quality, Row
from firmware_sim import loopback
from firmware_sim.broker import Mosquitto
from firmware_sim.children import Child
from firmware_sim.cityplan import NodePlan, TownshipPlan, wiring
from firmware_sim.faults.door import Door
from firmware_sim.premises import Wires, build
from firmware_sim.servers.daemon import HOST, free_port
from tests.acceptance.conftest import START_S, TOWNSHIP, noon_zone
from transport.boot import wall_ms
from transport.keys import read_key

A1 = f"{TOWNSHIP}-a1"
DOCUMENT = Path(__file__).parents[2] / "deploy" / "hall.toml"
HOUR_MS = 3_600_000
PEOPLE = [("李敏", "Li Min"), ("王强", "Wang Qiang"), ("赵雪", "Zhao Xue"), ("孙丽", "Sun Li"), ("周涛", "Zhou Tao")]


class Hall:
    """`city` and `gateway` are the addresses of their pages. Ratings are a node's own words to the gateway."""

    def __init__(self, folder: Path, wan: Mosquitto, lan: Mosquitto, windows: int) -> None:
        self.windows = [f"{A1}/{number:02}" for number in range(1, windows + 1)]
        self.line = Door(lambda: (HOST, wan.port))
        self._folder = folder
        self._lan = lan
        self._city_port, self._gateway_port = free_port(), free_port()
        self.city = f"http://{HOST}:{self._city_port}"
        self.gateway = f"http://{HOST}:{self._gateway_port}"
        self._wan = wan
        self._plan = TownshipPlan(TOWNSHIP, (NodePlan(A1, tuple(wiring(1) for _ in range(1))),))
        self._numbers = count(1)
        self.cloud_child = self.gateway_child = Child("none", ["true"], log=folder / "none.log")

    async def open(self, stack: AsyncExitStack) -> None:
        """Begin everything; the gateway's broker in the city stands behind the line."""
        await self.line.open()
        stack.push_async_callback(self.line.close)
        wires = Wires(self._wan.port, self._lan.port, self._city_port)
        self.premises = build([self._plan], self._folder / "city", wires=wires)
        config, (gateway,) = self.premises.cloud, self.premises.gateways
        top = f'zone = "{noon_zone()}"\nphones = true\n'
        config.write_text(f'{top}{config.read_text()}\n[hall]\nsite = "{self.city}"\n')
        line = gateway.read_text().replace(f"port = {self._wan.port}\n", f"port = {self.line.port}\n")
        gateway.write_text(f"{line}\n[web]\nport = {self._gateway_port}\n")
        await self._register()
        self.cloud_child = self._child("cloud", "cloud", "run", "--config", str(config))
        await self.cloud_child.start()
        stack.push_async_callback(self.cloud_child.stop)
        await answers(f"{self.city}/health")
        await self.say(DOCUMENT.read_text(encoding="utf-8"))
        self.gateway_child = self._child("gateway", "gateway", "run", "--config", str(gateway))
        await self.gateway_child.start()
        stack.push_async_callback(self.gateway_child.stop)
        await answers(f"{self.gateway}/hall/picture")
        await self.knows('"社会保险"')

    async def knows(self, text: str) -> None:
        """Wait until the gateway was told of what has `text` in it."""
        async with asyncio.timeout(START_S), loopback.client() as client:
            while text not in (await client.get(f"{self.gateway}/hall/picture")).text:
                await asyncio.sleep(0.2)

    async def say(self, document: str) -> None:
        """Let the city put another document for its halls."""
        file = self._folder / "hall.toml"
        file.write_text(document, encoding="utf-8")
        await self._done("hall", "cloud", "hall", "--config", str(self.premises.cloud), str(file))

    async def again(self) -> None:
        """Stop the gateway and start it again."""
        await self.gateway_child.stop()
        await self.gateway_child.start()
        await answers(f"{self.gateway}/hall/picture")

    def rate(self, window: str, *levels: int, before_ms: int = HOUR_MS) -> None:
        """Let a node give ratings of a window, one a second, the first so long ago."""
        first, at = next(self._numbers), wall_ms() - before_ms
        for _ in levels[1:]:
            next(self._numbers)
        rows = [Row(n * 1000, window.partition("/")[2], level, 1) for n, level in enumerate(levels)]
        batch = Batch(1, A1, "AAAAAAAAAA", first, at, Quality.SYNCHRONISED, rows)
        signer = read_key(self.premises.nodes[0].with_name("node.key"))
        payload = pack([signer.entry(encode(batch))])
        publish.single(topics.node(A1, "ratings"), payload, qos=1, hostname=HOST, port=self._lan.port)

    def secret(self) -> bytes:
        """The city's secret of its codes, as the city makes it."""
        return codes_secret(read_key(self.premises.cloud.with_name("city.key")))

    async def _register(self) -> None:
        registration = json.loads(self.premises.registration.read_text())
        registration["nodes"][0]["windows"] = [window.partition("/")[2] for window in self.windows]
        registration["duties"] = [
            {
                "person": f"{TOWNSHIP}:{1000 + n}",
                "zh": zh,
                "en": en,
                "window": window,
                "from": "2026-01-05T00:00:00+08:00",
            }
            for n, (window, (zh, en)) in enumerate(zip(self.windows, PEOPLE, strict=False))
        ]
        self.premises.registration.write_text(json.dumps(registration))
        config = str(self.premises.cloud)
        await self._done("registration", "cloud", "register", "--config", config, str(self.premises.registration))

    async def _done(self, name: str, *words: str) -> None:
        child = self._child(name, *words)
        await child.start()
        await child.finish()

    def _child(self, name: str, *words: str) -> Child:
        return Child(name, [sys.executable, "-m", *words], log=self._folder / f"{name}.log")


async def answers(address: str) -> None:
    """Wait until there is a page at `address`."""
    async with asyncio.timeout(START_S), loopback.client() as client:
        while True:
            try:
                if (await client.get(address)).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


@asynccontextmanager
async def hall(folder: Path, windows: int = 3) -> AsyncIterator[Hall]:
    """A city with one hall of so many windows, running in `folder`."""
    async with AsyncExitStack() as stack:
        wan = await stack.enter_async_context(Mosquitto(folder / "wan"))
        lan = await stack.enter_async_context(Mosquitto(folder / "lan"))
        made = Hall(folder, wan, lan, windows)
        await made.open(stack)
        yield made
