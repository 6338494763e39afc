"""From a settled choice to the ledger, and to a wall: 200 windows, 20 ratings a second, two brokers, three commits.

Real edge nodes with settle 0 on mock pins, real gateways and city as processes of their own, two mosquitto brokers. A
choice is settled when its button closes; it is in the ledger when the city's ack for its number passes the city's
broker (the ack follows the commit, so the commit is a little earlier); it is on a wall when an SSE client has read a
total that includes it. All three moments are read from one monotonic clock by this process.

Beside it, in the same run: one bare publish of the same size over the same two brokers with the same three fsyncs.
"""

import asyncio
import json
import os
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from random import Random

import httpx
from gpiozero.pins.mock import MockFactory

from bench.rig import READY_S, arguments, child, city, codes, percentile, show
from contract import topics
from contract.ack import Ack
from contract.bundle import unpack
from contract.codec import decode
from edge.node import Node
from edge.settings import read
from firmware_sim.broker import Mosquitto
from firmware_sim.cityplan import lay_out
from firmware_sim.premises import Habits, Wires, build
from firmware_sim.servers.daemon import free_port
from transport.broker import Broker
from transport.keys import read_key
from transport.link import Link

WINDOWS = 200
TOWNSHIPS = 10
A_SECOND = 20.0
SECONDS = 60.0
RAW_ROUNDS = 300
SETTLE_S = 5.0


class Stopwatch:
    """Remembers when each node's next number was pressed, and takes the times of acks and of the wall."""

    def __init__(self) -> None:
        self.pressed: dict[str, deque[float]] = {}
        self.ledger_ms: list[float] = []
        self.wall_ms: list[float] = []
        self._numbers: dict[str, int] = {}
        # When each rating was pressed, in the order in which they entered the ledger.
        self._entered: list[float] = []
        self._shown = 0

    def press(self, node: str) -> None:
        """`node` is being pressed now."""
        self.pressed.setdefault(node, deque()).append(time.monotonic())

    def acked(self, _: str, payload: bytes) -> None:
        """The city's answers passed by."""
        now = time.monotonic()
        for entry in unpack(payload):
            ack = decode(entry.body)
            if not isinstance(ack, Ack) or ack.node not in self.pressed:
                continue
            for _lo, hi in ack.settled:
                while self._numbers.get(ack.node, 0) < hi:
                    self._numbers[ack.node] = self._numbers.get(ack.node, 0) + 1
                    pressed = self.pressed[ack.node].popleft()
                    self.ledger_ms.append((now - pressed) * 1000)
                    self._entered.append(pressed)

    def shown(self, total: int) -> None:
        """A wall shows `total` ratings."""
        now = time.monotonic()
        for pressed in self._entered[self._shown : total]:
            self.wall_ms.append((now - pressed) * 1000)
        self._shown = max(self._shown, min(total, len(self._entered)))


async def totals(url: str, header: Mapping[str, str]) -> AsyncIterator[int]:
    """Every total that an SSE client reads."""
    async with httpx.AsyncClient(headers=header, timeout=READY_S) as client, client.stream("GET", url) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                picture = json.loads(line[5:])
                if "total" in picture:
                    yield picture["total"]


async def press(nodes: list[tuple[str, MockFactory, list[int]]], watch: Stopwatch, seconds: float) -> int:
    """Press random buttons `A_SECOND` times a second; how many presses."""
    random = Random(1)
    begin = time.monotonic()
    count = 0
    while (due := count / A_SECOND) < seconds:
        await asyncio.sleep(max(0.0, begin + due - time.monotonic()))
        name, pins, buttons = random.choice(nodes)
        pin = pins.pin(random.choice(buttons))
        watch.press(name)
        pin.drive_low()
        asyncio.get_running_loop().call_later(0.03, pin.drive_high)
        count += 1
    return count


async def bare(first: Mosquitto, second: Mosquitto, folder: Path, rounds: int) -> list[float]:
    """Milliseconds of one publish of 200 bytes, fsynced before, between and after two brokers."""
    files = [os.open(folder / f"raw{place}", os.O_WRONLY | os.O_CREAT | os.O_APPEND) for place in range(3)]
    took: list[float] = []
    arrived = asyncio.Event()
    up = [asyncio.Event(), asyncio.Event()]

    def write(place: int, payload: bytes) -> None:
        os.write(files[place], payload)
        os.fdatasync(files[place])

    def relay(_: str, payload: bytes) -> None:
        write(1, payload)
        onward.publish("raw", payload)

    def end(_: str, payload: bytes) -> None:
        write(2, payload)
        arrived.set()

    def link(broker: Mosquitto, place: int, take: object) -> Link:
        return Link(
            Broker(broker.host, broker.port),
            client_id=f"raw{place}",
            subscribe=["raw"],
            on_receive=take,  # type: ignore[arg-type]
            on_up=up[place].set,
            on_down=lambda: None,
        )

    async with link(first, 0, relay) as start, link(second, 1, end) as onward:
        await up[0].wait()
        await up[1].wait()
        for number in range(rounds):
            payload = str(number).encode().ljust(200)
            begin = time.monotonic()
            write(0, payload)
            start.publish("raw", payload)
            await arrived.wait()
            arrived.clear()
            took.append((time.monotonic() - begin) * 1000)
            await asyncio.sleep(0.01)
    for file in files:
        os.close(file)
    return took


async def main() -> None:
    """Run the city, press, listen."""
    options = arguments(__doc__ or "")
    seconds = SECONDS / 6 if options.quick else SECONDS
    with tempfile.TemporaryDirectory(prefix="manyi-bench-") as name:
        folder = Path(name)
        plan = lay_out(codes(), windows=WINDOWS, townships=TOWNSHIPS, seed=1)
        async with Mosquitto(folder / "town") as town, Mosquitto(folder / "high") as high:
            raw = await bare(town, high, folder, RAW_ROUNDS // 10 if options.quick else RAW_ROUNDS)
            wires = Wires(high.port, town.port, free_port())
            premises = build(plan, folder / "city", wires=wires, habits=Habits(settle_s=0.0, cooldown_s=0.0))
            spec = folder / "townships.json"
            spec.write_text(json.dumps({"gateways": [str(file) for file in premises.gateways]}))
            async with city(premises.cloud, premises.registration, wires.http):
                with child("firmware_sim.townships", str(spec), log=folder / "gateways.log"):
                    pressed, watch = await run(
                        premises.nodes, high, f"http://127.0.0.1:{wires.http}/api/stream", premises.keys.header, seconds
                    )
    show(
        {
            "ledger_p50_ms": percentile(watch.ledger_ms, 0.50),
            "ledger_p99_ms": percentile(watch.ledger_ms, 0.99),
            "sse_p99_ms": percentile(watch.wall_ms, 0.99),
            "raw_p50_ms": percentile(raw, 0.50),
            "sse_p50_ms": percentile(watch.wall_ms, 0.50),
            "raw_p99_ms": percentile(raw, 0.99),
            "pressed": pressed,
            "in_ledger": len(watch.ledger_ms),
            "on_wall": len(watch.wall_ms),
        },
        bare=options.json,
    )


async def run(
    files: tuple[Path, ...], high: Mosquitto, url: str, header: Mapping[str, str], seconds: float
) -> tuple[int, Stopwatch]:
    """All nodes in this process, a listener on the city's acks, a wall."""
    watch = Stopwatch()
    nodes: list[tuple[Node, str, MockFactory, list[int]]] = []
    for file in files:
        settings = read(file)
        pins = MockFactory()
        buttons = [pin for window in settings.window for pin in (window.satisfied, window.basic, window.dissatisfied)]
        nodes.append((Node(settings, factory=pins, signer=read_key(Path(settings.key))), settings.node, pins, buttons))
    listener = Link(
        Broker(high.host, high.port),
        client_id="stopwatch",
        subscribe=[topics.every_township("acks")],
        on_receive=watch.acked,
        on_up=lambda: None,
        on_down=lambda: None,
    )

    async def look() -> None:
        async for total in totals(url, header):
            watch.shown(total)

    async with listener, asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(node.run()) for node, *_ in nodes]
        wall = tasks.create_task(look())
        for node, *_ in nodes:
            await node.ready.wait()
        await asyncio.sleep(SETTLE_S)
        pressed = await press([(name, pins, buttons) for _, name, pins, buttons in nodes], watch, seconds)
        await asyncio.sleep(SETTLE_S)
        wall.cancel()
        for node, *_ in nodes:
            node.stop()
        await asyncio.gather(*running)
    return pressed, watch


if __name__ == "__main__":
    asyncio.run(main())
