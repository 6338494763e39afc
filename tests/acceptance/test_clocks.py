"""A clock that disagrees, in a real city: shown, counted and told to Prometheus, and over as soon as it agrees."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from contract.codec import encode
from contract.hello import Hello
from contract.status import GatewayStatus, NodeHealth, NodeStatus
from tests.acceptance.test_city import NODE, SIGNER, TOWNSHIP, Place, broker, city, place, rated
from tests.keys import coming_in

__all__ = ["broker", "place"]  # fixtures
pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

GATEWAY = f"{TOWNSHIP}-g0"


def hello(at: int, boottime: int) -> bytes:
    said = Hello(1, NODE, "AAAAAAAAAA", 0, f"n{boottime}", 0, "boot", boottime, 5, at=at, error=30)
    return SIGNER.entry(encode(said))


async def until(client: httpx.AsyncClient, path: str, holds: Callable[[Any], bool]) -> Any:  # noqa: ANN401  (JSON)
    async with asyncio.timeout(40):
        while True:
            answer = (await client.get(path)).json()
            if holds(answer):
                return answer
            await asyncio.sleep(0.2)


async def test_a_clock_ahead_alarms_everywhere_and_goes_away_by_itself(place: Place) -> None:
    place.register()
    async with (
        city(place) as (address, _),
        coming_in(address) as client,
    ):

        async def now() -> int:
            moment: int = (await client.get("/api/board")).json()["now"]
            return moment

        nodes = [NodeHealth(NodeStatus(NODE, "up", windows=["01", "02"], clock_error_ms=30), await now())]
        status = encode(GatewayStatus(GATEWAY, "up", clock_error_ms=3, nodes=nodes))
        await asyncio.to_thread(place.say, "status", status)
        await asyncio.to_thread(place.say, "live", hello(await now() + 10_000, 1))

        shown = await until(client, "/api/nodes", lambda told: told["devices"][0]["state"] == "skewed")
        assert 5_000 < shown["devices"][0]["clock_off_ms"] < 10_000
        assert shown["devices"][1]["state"] == "online"
        board = await until(client, "/api/board", lambda told: told["nodes"]["list"] != [])
        assert [(one["node"], one["state"]) for one in board["nodes"]["list"]] == [(NODE, "skewed")]
        health = (await client.get("/health")).json()
        assert health["ok"]
        assert not health["parts"]["clocks"]["ok"]
        assert NODE in health["parts"]["clocks"]["detail"]
        assert "manyi_clocks_skewed 1.0" in (await client.get("/metrics")).text
        # Flagged, not refused.
        await asyncio.to_thread(place.say, "live", rated(1, [3], await now()))
        await until(client, "/api/board", lambda told: told["total"] == 1)

        await asyncio.to_thread(place.say, "live", hello(await now(), 2))

        over = await until(client, "/api/nodes", lambda told: told["devices"][0]["state"] == "online")
        assert over["devices"][0]["clock_off_ms"] is None
        assert (await client.get("/health")).json()["parts"]["clocks"]["ok"]
        assert "manyi_clocks_skewed 0.0" in (await client.get("/metrics")).text
