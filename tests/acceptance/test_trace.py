"""`manyi trace` beside a running city: a settled rating through all steps, one stuck at the node or at the gateway."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cli.trace import gather
from cloud.trace.rules import Place, Way, ways
from firmware_sim.box import Box, Order
from firmware_sim.broker import Mosquitto
from firmware_sim.ground import Ground
from firmware_sim.premises import Habits
from firmware_sim.siege import Siege, besieged
from transport.boot import wall_ms

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

QUICK = Habits(settle_s=0.1, cooldown_s=0.2, heartbeat_s=2.0, least=1)
WAY = {"pressed", "cut", "sent", "recorded", "held", "forwarded", "settled", "tallied", "receipt"}


@asynccontextmanager
async def open_city(folder: Path, port: int) -> AsyncIterator[Siege[Box]]:
    ground = Ground(Mosquitto(folder / "city-broker"), Mosquitto(folder / "node-broker"))
    order = Order(windows=2, townships=1, seed=7, per_s=4.0, http=port, habits=QUICK)
    async with besieged(order, folder / "city", wall_ms=wall_ms, ground=ground) as siege:
        yield siege


class Tracing:
    """What the command does, told of everything that there is."""

    def __init__(self, box: Box, folder: Path) -> None:
        self._configs = [box.premises.cloud, box.premises.gateways[0], box.premises.nodes[0]]
        self._logs = [folder / "city" / f"{name}.log" for name in ("fleet", "gateways", "cloud")]
        self.name = box.premises.nodes[0].parent.name

    async def run(self, number: int, config: Path, *words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "cli.main", "trace", self.name, str(number), "--config", str(config), *words]
        child = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await child.communicate()
        assert err == b"", err.decode()
        return child.returncode or 0, out.decode()

    async def everywhere(self, number: int) -> Way:
        return ways(self.name, number, await gather(self.name, number, self._configs, self._logs))[0]

    async def until(self, number: int, true: Callable[[Way], object]) -> Way:
        async with asyncio.timeout(30):
            while not true(way := await self.everywhere(number)):
                await asyncio.sleep(0.05)
        return way

    async def until_at(self, number: int, place: Place) -> Way:
        return await self.until(number, lambda way: way.place == place)

    async def next_number(self) -> int:
        """The first number that nothing was ever told of."""
        number = 1
        while (await self.everywhere(number)).place != "never given":
            number += 1
        return number


async def test_each_rating_is_found_where_it_is(tmp_path: Path, free_port: Callable[[], int]) -> None:
    async with open_city(tmp_path, free_port()) as siege:
        box = siege.box
        tracing = Tracing(box, tmp_path)

        # The receipt that the node waits for comes within a second or two.
        # Who says last that it passed, the city or the node, is decided by the machine.
        way = await tracing.until(
            1,
            lambda way: (
                ("edge", "settled") in {(one.house, one.step) for one in way.steps}
                and {one.step for one in way.steps} >= WAY
            ),
        )
        assert (way.place, way.batch) == ("ledger", f"{tracing.name}/{way.epoch}/1")
        assert way.rating is not None
        assert (way.at, way.rating.state) == (f"position {way.rating.position}", "counted")
        assert {step.step for step in way.steps} >= WAY
        passed = {(step.house, step.step): step.at or 0 for step in reversed(way.steps)}
        there = [passed["edge", step] for step in ("pressed", "cut", "sent")]
        there += [passed["gateway", "recorded"], passed["gateway", "forwarded"], passed["city", "settled"]]
        there += [passed["gateway", "settled"], passed["edge", "settled"]]
        assert there == sorted(there)
        assert passed["gateway", "recorded"] <= passed["edge", "held"]

        await box.gateways.kill()
        number = await tracing.next_number()
        stuck = await tracing.until_at(number, "node")
        assert (stuck.at, stuck.rating) == (tracing.name, None)
        assert {step.house for step in stuck.steps} == {"edge"}
        await box.restart(box.gateways)
        await tracing.until_at(number, "ledger")

        await box.cloud.kill()
        number = await tracing.next_number()
        waiting = await tracing.until_at(number, "gateway")
        assert waiting.rating is None
        assert {"cut", "recorded"} <= {step.step for step in waiting.steps}
        await box.restart(box.cloud)
        await tracing.until_at(number, "ledger")

        code, text = await tracing.run(number, box.premises.cloud)
        assert (code, text.splitlines()[0]) == (0, f"{tracing.name} number {number} of epoch {way.epoch}")
        code, text = await tracing.run(999_999, box.premises.nodes[0], "--json")
        assert (code, json.loads(text)["ways"][0]["place"]) == (1, "never given")
    assert siege.evidence.clean, str(siege.evidence)
