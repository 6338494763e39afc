"""`kill -9` of every part in turn, under load, as separate processes on a real mosquitto: nothing lit may be lost."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from firmware_sim.box import Box, Order
from firmware_sim.broker import Mosquitto
from firmware_sim.evidence import contradictions, gather
from firmware_sim.fingerlog import choices, read
from firmware_sim.premises import Habits
from firmware_sim.verdict import Verdict
from transport.boot import wall_ms

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(150)]

# Quick choices, so that few seconds hold many.
QUICK = Habits(settle_s=0.3, cooldown_s=0.3, heartbeat_s=2.0, least=1)
LOAD_S = 4.0
DOWN_S = 2.0
DRAIN_S = 60.0


Kill = Callable[[Box], Awaitable[None]]


async def kill_windows(box: Box) -> None:
    await box.fleet.kill()
    await asyncio.sleep(DOWN_S)
    await box.restart(box.fleet)


async def kill_gateways(box: Box) -> None:
    await box.gateways.kill()
    await asyncio.sleep(DOWN_S)
    await box.restart(box.gateways)


async def kill_cloud(box: Box) -> None:
    await box.cloud.kill()
    await asyncio.sleep(DOWN_S)
    await box.restart(box.cloud)


async def kill_broker(box: Box) -> None:
    assert isinstance(box.broker, Mosquitto)
    box.broker.kill()
    await asyncio.sleep(DOWN_S)
    await box.broker.restart()


async def played(folder: Path, port: int, *kills: Kill) -> Verdict:
    """Play a city of 40 windows, do `kills` one after the other under load, and judge."""
    order = Order(windows=40, townships=4, seed=7, per_s=12.0, http=port, habits=QUICK)
    async with asyncio.TaskGroup() as group:
        box = Box(order, folder, group, wall_ms=wall_ms)
        try:
            await box.lay_foundation()
            await box.open_city()
            await box.open_townships()
            await box.open_windows()
            for kill in kills:
                await asyncio.sleep(LOAD_S)
                await kill(box)
            await asyncio.sleep(LOAD_S)
            assert await box.hush(within_s=10)
            lit = sum(entry.kind == "lit" for entry in read(box.log))
            await box.onlooker.wait_for(lit, within_s=DRAIN_S)
            await asyncio.sleep(1)  # what came through without its light having been seen
            assert await box.onlooker.drift() == []
        finally:
            await box.close()
    assert contradictions(box.premises.database, ZoneInfo("Asia/Shanghai")) == []
    return gather(box.log, box.premises.database, wall=box.onlooker.total)


@pytest.mark.parametrize("kill", [kill_windows, kill_gateways, kill_cloud, kill_broker])
async def test_a_kill_under_load_loses_and_doubles_nothing(
    tmp_path: Path, free_port: Callable[[], int], kill: Kill
) -> None:
    verdict = await played(tmp_path / "city", free_port(), kill)
    assert verdict.settled > 40
    assert verdict.clean, verdict


async def test_a_press_while_the_gateway_is_down_outlives_a_restart_of_its_node_and_keeps_its_time(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    outage: list[int] = []

    async def offline_and_restarted(box: Box) -> None:
        await box.gateways.kill()
        outage.append(wall_ms())
        await asyncio.sleep(LOAD_S)
        await box.fleet.kill()
        outage.append(wall_ms())
        await box.restart(box.fleet)
        await asyncio.sleep(LOAD_S)
        await box.restart(box.gateways)

    folder = tmp_path / "city"
    verdict = await played(folder, free_port(), offline_and_restarted)
    began, ended = outage
    offline = [one for one in choices(read(folder / "fingers.log")) if one.lit and began < one.lit.at < ended]
    assert len(offline) > 10  # they were lit with no gateway to be seen
    assert verdict.clean, verdict  # with the time of the press, within `verdict.TOLERANCE_MS`
