"""The wall on a stage: a small real city, and a real browser that looks at it."""

import asyncio
import io
import json
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import httpx
import pytest
import pytest_asyncio
from paho.mqtt import publish
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright, expect

from contract import topics
from contract.batch import Batch
from contract.bundle import pack
from contract.codec import encode
from contract.identity import window_id
from contract.rating import Level, Quality, Row
from contract.signing import Signer
from edge.node import Node
from edge.settings import read as read_edge
from firmware_sim import loopback
from firmware_sim.box import township_codes
from firmware_sim.broker import Mosquitto
from firmware_sim.children import Child
from firmware_sim.cityplan import NodePlan, TownshipPlan, wiring
from firmware_sim.crowd import Press
from firmware_sim.finger import Finger, pins
from firmware_sim.fingerlog import FingerLog, read
from firmware_sim.premises import Habits, Wires, build
from firmware_sim.servers.daemon import free_port
from tests.keys import coming_in, hung
from transport.boot import wall_ms
from transport.keys import read_key

# What is waited for comes later where other tests run beside; what never comes is told all the same.
expect.set_options(timeout=30_000)

# Debian's own chromium without its windows: those have a renderer each, for nobody, and once in many runs hung with it.
# Nothing is downloaded, no host but this one is resolved, and text is laid out alike everywhere.
CHROMIUM = "/usr/bin/chromium-headless-shell"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
HD = (1920, 1080)
TOWNSHIP = "371721121"
OTHERS = [code for code in township_codes() if code != TOWNSHIP]
SETTLE_S = 0.4
COOLDOWN_S = 0.3
# A city that shares two cores with two others takes its time.
START_S = 60.0
# A node that is told to stop is done long before.
LEAVE_S = 30.0


def noon_zone() -> str:
    """A zone where it is about noon now, so that no test meets a midnight."""
    ahead = 12 - time.gmtime().tm_hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


class Seen(NamedTuple):
    """A choice that settled (wall clock, ms) and when the wall painted a number that includes it."""

    settled: float
    painted: float


class City:
    """A small city: one township with a real node on mock pins behind a real gateway, and the rest as signed batches.

    `press` goes all the way. `fill` speaks for every other township at the city's broker.
    """

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.zone = noon_zone()
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        plan = TownshipPlan(TOWNSHIP, (NodePlan(f"{TOWNSHIP}-a1", (wiring(1), wiring(2), wiring(3))),))
        self._broker = broker
        self._folder = folder
        self._signer = Signer(bytes(range(32)))
        habits = Habits(SETTLE_S, COOLDOWN_S, heartbeat_s=1.0)
        self.premises = build([plan], folder / "city", wires=Wires(broker.port, broker.port, self.port), habits=habits)
        config = self.premises.cloud
        config.write_text(f'zone = "{self.zone}"\nphones = true\ntablets = true\nhomes = true\n{config.read_text()}')
        spec = folder / "gateways.json"
        spec.write_text(json.dumps({"gateways": [*map(str, self.premises.gateways)]}))
        self._cloud = self._child("cloud", "cloud", "run", "--config", str(config))
        self._gateways = self._child("gateways", "firmware_sim.townships", str(spec), speaks=True)
        self._log = FingerLog(folder / "fingers.log")
        self.fingers: dict[str, Finger] = {}
        self._visits = count(1)
        self._last: Counter[str] = Counter()

    def _child(self, name: str, *words: str, speaks: bool = False) -> Child:
        return Child(name, [sys.executable, "-m", *words], log=self._folder / f"{name}.log", speaks=speaks)

    async def open(self, stack: AsyncExitStack) -> None:
        await self._register()
        await self.start()
        stack.push_async_callback(self.stop)
        await self._gateways.start()
        stack.push_async_callback(self._gateways.stop)
        await self._gateways.says("ready")
        settings = read_edge(self.premises.nodes[0])
        factory = pins()
        node = Node(settings, factory=factory, signer=read_key(Path(settings.key)))
        running = asyncio.create_task(node.run(), name="node")

        async def leave() -> None:
            node.stop()
            await asyncio.wait([running], timeout=LEAVE_S)
            assert running.done(), f"the node does not end\n{doing()}"
            await running

        stack.push_async_callback(leave)
        stack.callback(self._log.close)
        begun = asyncio.create_task(node.ready.wait(), name="node begins")
        await asyncio.wait([begun, running], timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            # Whatever ended it is told, instead of waiting for ever.
            await running
        assert begun.done(), f"the node does not begin\n{doing()}"
        for window in settings.window:
            self.fingers[window_id(settings.node, window.id)] = Finger(
                window_id(settings.node, window.id), window, factory, log=self._log, random=Random(1), wall_ms=wall_ms
            )

    async def start(self) -> None:
        self._cloud = self._child("cloud", "cloud", "run", "--config", str(self.premises.cloud))
        await self._cloud.start()
        async with asyncio.timeout(START_S), loopback.client() as client:
            while True:
                try:
                    if (await client.get(f"{self.address}/health")).is_success:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        self._cloud.tell(signal.SIGKILL)

    async def stop(self) -> None:
        await self._cloud.stop()

    async def press(self, level: Level, window: str = f"{TOWNSHIP}-a1/01") -> float:
        """Let somebody press; return when the choice was settled, counted from before the contact closed."""
        name = f"v{next(self._visits)}"
        ending = await self.fingers[window].visit(name, [Press(0.0, level)])
        assert ending == "lit", f"{window} stayed {ending}\n{doing()}"
        pressed = next(entry.at for entry in read(self._folder / "fingers.log") if entry.id == name)
        await asyncio.sleep(COOLDOWN_S + 0.05)
        return pressed + SETTLE_S * 1000

    def lift_veils(self) -> None:
        """Let everybody see every case's ratings, as they do at the next full five minutes."""
        with closing(sqlite3.connect(self.premises.database)) as cases, cases:
            cases.execute("UPDATE case_rating SET seen_from = 1")
            cases.execute("UPDATE case_news SET version = version + 1")

    async def board(self) -> dict[str, Any]:
        async with coming_in(self.address, self.premises.keys) as client:
            board: dict[str, Any] = (await client.get("/api/board")).raise_for_status().json()
            return board

    async def fill(self) -> int:
        """Rate in every other township: today for all kinds of tiles, and on days and hours before; return how many."""
        now = wall_ms()
        midnight = int(datetime.now(ZoneInfo(self.zone)).replace(hour=0, minute=0, second=0).timestamp() * 1000)
        random = Random(7)
        total = 0
        for index, code in enumerate(OTHERS):
            # Every twentieth has nobody, every tenth too few for a colour; some are bad, some perfect.
            size = 0 if index % 20 == 19 else 11 if index % 10 == 3 else random.randint(20, 90)
            good = (0.6, 0.82, 0.9, 0.95, 1.0)[index % 5]
            batches = [self._batch(code, random, good, midnight, now, size)] if size else []
            if index % 4 == 0:
                batches.append(self._batch(code, random, good, now - 28 * 86_400_000, now, 120))
            total += sum(len(batch.rows) for batch in batches)
            entries = [self._signer.entry(encode(batch)) for batch in batches]
            if entries:
                await asyncio.to_thread(self._say, code, "backlog", entries)
        async with asyncio.timeout(20):
            while (await self.board())["total"] < total:
                await asyncio.sleep(0.1)
        return total

    async def murmur(self, code: str) -> None:
        """Let one more rating of right now come from another township."""
        batch = self._batch(code, Random(self._last[code]), 0.9, wall_ms() - 1000, wall_ms(), 1)
        await asyncio.to_thread(self._say, code, "live", [self._signer.entry(encode(batch))])

    async def please(self, code: str, size: int) -> None:
        """Let so many satisfied ratings of the last seconds come from another township."""
        batch = self._batch(code, Random(1), 1.0, wall_ms() - 1000, wall_ms(), size)
        await asyncio.to_thread(self._say, code, "live", [self._signer.entry(encode(batch))])

    def _batch(self, code: str, random: Random, good: float, begin: int, end: int, size: int) -> Batch:
        at = sorted(random.randrange(begin, end) for _ in range(size))
        levels = random.choices((3, 2, 1), weights=(good, (1 - good) * 0.6, (1 - good) * 0.4), k=size)
        rows = [
            Row(moment - at[0], f"{random.randint(1, 2):02d}", level, 1)
            for moment, level in zip(at, levels, strict=True)
        ]
        first = self._last[code] + 1
        self._last[code] += size
        return Batch(1, f"{code}-a1", "AAAAAAAAAA", first, at[0], Quality.SYNCHRONISED, rows)

    def _say(self, code: str, lane: Literal["live", "backlog"], entries: Sequence[bytes]) -> None:
        publish.single(topics.township(code, lane), pack(entries), qos=1, hostname="127.0.0.1", port=self._broker.port)

    async def _register(self) -> None:
        """Register the node as an installer would, and beside it those that `fill` speaks for."""
        registration = json.loads(self.premises.registration.read_text())
        registration["nodes"] += [
            {"node": f"{code}-a1", "key": self._signer.public, "windows": ["01", "02"]} for code in OTHERS
        ]
        self.premises.registration.write_text(json.dumps(registration))
        config = str(self.premises.cloud)
        registering = self._child(
            "registration", "cloud", "register", "--config", config, str(self.premises.registration)
        )
        await registering.start()
        await registering.finish()


@asynccontextmanager
async def small_city(folder: Path) -> AsyncIterator[City]:
    """Everything of a small city, running in `folder`."""
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Mosquitto(folder / "mosquitto"))
        made = City(folder, broker)
        await made.open(stack)
        yield made


def doing() -> str:
    """What every task of this loop waits for, to be read where one of them waits for ever."""
    said = io.StringIO()
    for task in asyncio.all_tasks():
        task.print_stack(file=said)
    return said.getvalue()


async def clear_of_the_veil(seconds: float) -> None:
    """Wait until no full five minutes is within so many `seconds`: then what was behind a veil is seen."""
    left = 300 - time.time() % 300
    if left < seconds:
        await asyncio.sleep(left + 2)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def city(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[City]:
    """One small city for all that look at it; whoever kills its cloud starts it again."""
    async with small_city(tmp_path_factory.mktemp("wall")) as made:
        await made.fill()
        yield made


NUMBERS = """() => Object.fromEntries(
  [...document.querySelectorAll("[data-count], [data-score]")]
  .filter((one) => !one.closest("#path, #nodes, #nodes-offline, #waiting-count, #cases, #alert-cases, svg"))
  .map((one) => [one.id || `${one.className} ${one.dataset.code ?? one.parentNode.dataset.county ?? ""}`,
                 [one.dataset.count, one.dataset.score, one.dataset.bin]]))"""


# When `selector` shows `wanted`, seen after the frame that painted it.
WATCH = """([selector, wanted]) => {
  const slot = document.querySelector(selector);
  window.painted = new Promise((done) => {
    const look = () => Number(slot.dataset.count) >= wanted && requestAnimationFrame(() => done(Date.now()));
    new MutationObserver(look).observe(slot, { attributes: true });
  });
}"""


class Wall:
    """A page of the wall, and everything it complained about or fetched."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.failures: list[str] = []
        self.fetched: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.failures.append(str(error)))
        page.on("request", self._note)

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type in {"error", "warning"}:
            self.complaints.append(said.text)

    def _note(self, request: Request) -> None:
        self.fetched.append(request.url)

    async def until(self, state: str, *, within_s: float = 40.0) -> float:
        """Wait for body[data-state]; return how many seconds it took."""
        begin = time.monotonic()
        await self.page.wait_for_selector(f'body[data-state="{state}"]', timeout=within_s * 1000)
        return time.monotonic() - begin

    async def number(self, selector: str, name: str = "data-count") -> float:
        text = await self.page.get_attribute(selector, name)
        assert text, f"{selector}[{name}]"
        return float(text)

    async def numbers(self) -> dict[str, Any]:
        """Everything the page has counted, but for devices and cases: they have their own time."""
        found: dict[str, Any] = await self.page.evaluate(NUMBERS)
        return found

    async def sees(self, city: City, level: Level) -> Seen:
        """Let somebody press, and wait for the number that says so."""
        wanted = await self.number("#today-count") + 1
        await self.page.evaluate(WATCH, ["#today-count", wanted])
        settled = await city.press(level)
        async with asyncio.timeout(20):
            return Seen(settled, await self.page.evaluate("window.painted"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One headless chromium; a test opens pages of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@asynccontextmanager
async def opened(
    browser: Browser, city: City, path: str = "/wall", size: tuple[int, int] = HD, *, quiet: bool = True
) -> AsyncIterator[Wall]:
    """Open a page that is live. At the end it must not have failed, nor, if it was `quiet`, have complained."""
    context = await browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="zh-CN")
    try:
        wall = Wall(await context.new_page())
        await wall.page.goto(hung(city.address, path, city.premises.keys.wall))
        await wall.until("live")
        await wall.page.wait_for_selector('[data-bin="4"]')
        yield wall
        assert wall.failures == []
        assert not quiet or wall.complaints == []
        assert [url for url in wall.fetched if not url.startswith(city.address)] == []
    finally:
        await context.close()
