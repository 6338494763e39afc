"""A fleet of real nodes and of nodes played by their protocol alone, through the whole city, killed under load."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_sim import box
from firmware_sim.box import Order
from firmware_sim.fingerlog import choices, read
from firmware_sim.premises import Habits
from firmware_sim.siege import besieged
from transport.boot import wall_ms

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


async def test_nodes_without_pins_lose_and_double_nothing_either(
    tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box, "REAL_NODES", 4)
    habits = Habits(settle_s=0.1, cooldown_s=0.2, heartbeat_s=2.0, least=1)
    order = Order(windows=60, townships=3, seed=7, per_s=40.0, http=free_port(), habits=habits)
    async with besieged(order, tmp_path / "city", wall_ms=wall_ms) as city:
        await asyncio.sleep(3)
        await city.box.fleet.kill()
        await city.box.restart(city.box.fleet)
        await asyncio.sleep(3)
        nodes = city.box.onlooker.picture["nodes"]
        planned = sum(len(township.nodes) for township in city.box.plan)
    visited = {one.window.partition("/")[0] for one in choices(read(city.box.log)) if one.lit}
    assert len(visited) > planned * 0.8
    assert nodes["online"] >= planned  # and their gateways: to the city they are nodes like any other
    assert city.evidence.verdict.settled > 60
    assert city.evidence.clean, str(city.evidence)
