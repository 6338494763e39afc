"""The city as a process of its own on a real broker: ratings to the wall, a restart, a stop, and refusals to start."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from paho.mqtt import publish

from contract import topics
from contract.batch import Batch
from contract.bundle import pack
from contract.codec import encode
from contract.rating import Quality, Row
from contract.signing import Signer
from contract.status import GatewayStatus, NodeHealth, NodeStatus
from firmware_sim import loopback
from firmware_sim.broker import Broker, choose
from tests.keys import KEYS, TOKENS, coming_in

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

NODE = "371721121-a1"
TOWNSHIP = "371721121"
SIGNER = Signer(bytes(range(32)))
HOUR_MS = 3_600_000


@dataclass
class Place:
    """A folder with a city's key and settings."""

    folder: Path
    broker_port: int

    @property
    def config(self) -> Path:
        return self.folder / "city.toml"

    def cloud(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cloud", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def furnish(self, more: str = "", port: int = 0) -> None:
        if not (self.folder / "key").exists():
            assert self.cloud("keygen", str(self.folder / "key")).returncode == 0
        self.config.write_text(
            f'database = "city.db"\nkey = "key"\nclock = "trusted"\n{more}\n'
            f'[broker]\nhost = "127.0.0.1"\nport = {self.broker_port}\n[http]\nport = {port}\n'
        )

    def register(self) -> None:
        document = {
            "nodes": [{"node": NODE, "key": SIGNER.public, "windows": ["01", "02"]}],
            "gateways": [{"node": f"{TOWNSHIP}-g0", "key": SIGNER.public}],
            "tokens": TOKENS,
        }
        file = self.folder / "nodes.json"
        file.write_text(json.dumps(document))
        done = self.cloud("register", "--config", str(self.config), str(file))
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["nodes"] == 1

    def say(self, leaf: Literal["live", "backlog", "status"], *entries: bytes) -> None:
        publish.single(
            topics.township(TOWNSHIP, leaf), pack(entries), qos=1, hostname="127.0.0.1", port=self.broker_port
        )


def rated(first: int, levels: list[int], at: int, window: str = "01") -> bytes:
    rows = [Row(number, window, level, 1) for number, level in enumerate(levels)]
    return SIGNER.entry(encode(Batch(1, NODE, "AAAAAAAAAA", first, at, Quality.SYNCHRONISED, rows)))


@asynccontextmanager
async def city(place: Place) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A running city: its address, once it is healthy, and its process; ended by SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cloud", "run", "--config", str(place.config), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async for line in process.stderr:
            if b"the wall is at " in line:
                address = json.loads(line)["text"].rpartition(" ")[2]
                break
        else:
            raise AssertionError("the city did not start")
        async with asyncio.timeout(40), loopback.client() as client:
            while (await client.get(f"{address}health")).status_code != 200:
                await asyncio.sleep(0.05)
        yield address, process
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.communicate()
        assert process.returncode == 0


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    kind = ""
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    folder = tmp_path / "broker"
    folder.mkdir()
    async with choose(folder) as started:
        yield started


@pytest.fixture
def place(tmp_path: Path, broker: Broker) -> Place:
    made = Place(tmp_path, broker.port)
    made.furnish()
    return made


def start_and_rest(point: list[Any]) -> tuple[int, tuple[Any, ...]]:
    start, *rest = point
    return start, tuple(rest)


async def test_a_rating_reaches_the_wall_and_a_restart_shows_the_same(place: Place) -> None:
    place.register()
    before: dict[str, Any] = {}
    async with (
        city(place) as (address, _),
        coming_in(address) as client,
    ):
        async with client.stream("GET", "/api/stream", timeout=40) as response:
            arriving = events(response)
            kind, picture = await anext(arriving)
            assert (kind, picture["total"]) == ("snapshot", 0)
            now = picture["now"]
            await asyncio.to_thread(place.say, "live", rated(1, [3, 3, 2, 1], now - 3_000))
            async for kind, diff in arriving:
                if kind == "diff" and diff.get("total") == 4:
                    break
            assert diff["city"]["n"] == diff["counties"]["371721"]["n"] == diff["townships"][TOWNSHIP]["n"] == [2, 1, 1]
            assert diff["path"]["p50_ms"] >= 2_000
            # Yesterday's, and a known batch again.
            await asyncio.to_thread(
                place.say, "backlog", rated(5, [1], now - 24 * HOUR_MS), rated(1, [3, 3, 2, 1], now - 3_000)
            )
            async for kind, diff in arriving:
                if kind == "diff" and diff.get("total") == 5:
                    break
            assert "city" not in diff
            await asyncio.to_thread(place.say, "live", b"no batch")
            async for kind, diff in arriving:
                if kind == "diff" and diff.get("path", {}).get("quarantined"):
                    break
        before = (await client.get("/api/board")).json()
    async with (
        city(place) as (address, _),
        coming_in(address) as client,
    ):
        after = (await client.get("/api/board")).json()
        trend = (await client.get("/api/trends/day?count=2&place=371721")).json()["buckets"]
    assert after["id"] != before["id"]
    for part in ("position", "day", "total", "city", "counties", "townships", "lowest", "feed"):
        assert after[part] == before[part], part
    for step in ("minute", "hour", "day"):  # a new minute may have begun meanwhile: the oldest one has left
        known = dict(map(start_and_rest, before["trends"][step]))
        same = [point for point in after["trends"][step] if point[0] in known]
        assert len(same) >= len(known) - 2
        assert dict(map(start_and_rest, same)).items() <= known.items(), step
    assert after["path"]["quarantined"] == 1
    assert [bucket["n"] for bucket in trend] == [[0, 0, 1], [2, 1, 1]]


async def test_the_devices_show_as_their_gateway_says(place: Place) -> None:
    place.register()
    node = NodeStatus(NODE, "up", windows=["01", "02"], queue=3, oldest_ms=70_000, stuck=["02/3"], clock_error_ms=4)
    status = GatewayStatus(f"{TOWNSHIP}-g0", "up", clock_error_ms=4, nodes=[NodeHealth(node, 1_000)])
    async with (
        city(place) as (address, _),
        coming_in(address) as client,
    ):
        await asyncio.to_thread(place.say, "status", encode(status))
        async with asyncio.timeout(20):
            while not (tile := (await client.get("/api/board")).json()["nodes"])["online"]:
                await asyncio.sleep(0.05)
        assert tile == {
            "online": 1,
            "offline": 0,
            "waiting": 3,
            "oldest_ms": 70_000,
            "full": 0,
            "list": [{"node": NODE, "township": TOWNSHIP, "windows": 2, "state": "stuck", "since": 1_000}],
        }
        devices = (await client.get("/api/nodes")).json()["devices"]
        assert {device["node"]: device["state"] for device in devices} == {NODE: "stuck", f"{TOWNSHIP}-g0": "online"}


async def test_a_stop_ends_open_streams_and_is_soon_over(place: Place) -> None:
    place.register()
    async with city(place) as (address, process), asyncio.TaskGroup() as tasks:
        opened = asyncio.Semaphore(0)

        async def follow() -> None:
            async with (
                loopback.client(headers=KEYS.header, timeout=20) as client,
                client.stream("GET", f"{address}api/stream") as response,
            ):
                response.raise_for_status()
                async for _ in events(response):
                    opened.release()

        for _ in range(20):
            tasks.create_task(follow())
        for _ in range(20):
            await opened.acquire()
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        await process.wait()
        # Each `follow` ends without an error: the city finished its streams, it did not cut them off.
        assert time.monotonic() - began < 10


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ('zone = "Asia/Heze"', "zone: 'Asia/Heze' is no IANA time zone"),
        ("lest = 3", "allowed here:"),
        ('least = "3"', "least: expected a whole number"),
    ],
)
def test_wrong_settings_start_nothing(tmp_path: Path, more: str, line: str) -> None:
    place = Place(tmp_path, 1)
    place.furnish(more)
    done = place.cloud("run", "--config", str(place.config))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert str(place.config) in done.stderr
    assert line in done.stderr
    assert not (tmp_path / "city.db").exists()


def test_a_port_in_use_starts_nothing(tmp_path: Path, taken: int) -> None:
    place = Place(tmp_path, 1)
    place.furnish(port=taken)
    done = place.cloud("run", "--config", str(place.config))
    assert done.returncode == 2
    assert done.stderr == f"{place.config}: http.port: {taken} on 127.0.0.1 is in use, choose another\n"
    assert not (tmp_path / "city.db").exists()


def test_a_city_without_a_key_or_a_database_says_so(tmp_path: Path) -> None:
    place = Place(tmp_path, 1)
    place.furnish()
    (tmp_path / "city.db").mkdir()
    done = place.cloud("run", "--config", str(place.config))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "city.db: cannot be opened" in done.stderr
    (tmp_path / "key").unlink()
    done = place.cloud("run", "--config", str(place.config))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "key" in done.stderr


def test_a_key_is_made_once(tmp_path: Path) -> None:
    place = Place(tmp_path, 1)
    made = place.cloud("keygen", str(tmp_path / "key"))
    assert (made.returncode, len(made.stdout.strip())) == (0, 43)
    again = place.cloud("keygen", str(tmp_path / "key"))
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"nodes": [{"node": "nowhere"}]}')
    place.furnish()
    done = place.cloud("register", "--config", str(place.config), str(wrong))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert str(wrong) in done.stderr
