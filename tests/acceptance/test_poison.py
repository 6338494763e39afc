"""Poison on the real broker to a city in a process of its own: nothing stops, and nothing vanishes unseen."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from paho.mqtt import publish

from contract import topics
from contract.batch import Batch
from contract.bundle import MAX_PAYLOAD, pack
from contract.codec import encode
from contract.errors import Reason
from contract.rating import Quality, Row
from contract.signing import Signer
from firmware_sim import loopback
from firmware_sim.box import Box, Order
from firmware_sim.evidence import contradictions
from firmware_sim.premises import USUAL
from firmware_sim.siege import ZONE
from proof import ledger
from transport.boot import wall_ms
from transport.keys import read_key

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

EPOCH = "AAAAAAAAAA"
HOUR_MS = 3_600_000


class City(NamedTuple):
    """A city without gateways; the test speaks for the one township's."""

    box: Box
    client: httpx.AsyncClient
    node: str
    window: str
    signer: Signer

    def batch(self, first: int, *levels: int, window: str | None = None, ahead_ms: int = 0) -> Batch:
        rows = [Row(0, window or self.window, level, 1) for level in levels]
        return Batch(1, self.node, EPOCH, first, wall_ms() - 5_000 + ahead_ms, Quality.SYNCHRONISED, rows)

    async def say(self, payload: bytes) -> None:
        topic = topics.township(self.box.plan[0].code, "live")
        port = self.box.ground.broker.port
        await asyncio.to_thread(publish.single, topic, payload, qos=1, hostname="127.0.0.1", port=port)

    async def ask(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.client.get(path)).raise_for_status().json()
        return answer

    async def metrics(self) -> dict[str, float]:
        lines = (await self.client.get("/metrics")).raise_for_status().text.splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


@pytest.fixture
async def city(tmp_path: Path, free_port: Callable[[], int]) -> AsyncIterator[City]:
    async with asyncio.TaskGroup() as group:
        order = Order(windows=1, townships=1, seed=1, per_s=1, http=free_port(), habits=USUAL)
        box = Box(order, tmp_path / "city", group, wall_ms=wall_ms)
        node = box.plan[0].nodes[0]
        try:
            await box.lay_foundation()
            await box.open_city()
            signer = read_key(box.premises.nodes[0].parent / "node.key")
            async with loopback.client(base_url=box.address, headers=box.keys.header) as client:
                yield City(box, client, node.name, node.wiring[0].id, signer)
        finally:
            await box.close()


async def test_a_stream_full_of_poison_goes_on_and_every_drop_is_accounted_for(city: City) -> None:
    sign, stranger = city.signer.entry, Signer(bytes(32))
    body = encode(city.batch(100, 3))
    foreign = json.loads(body) | {"node": f"{city.box.plan[0].code}-zz"}
    poisons = [
        (Reason.UNDECODABLE, b"\x00\xff rubbish"),
        (Reason.UNDECODABLE, pack([sign(b'{"v":1,"rows":"none"}')])),
        (Reason.OVERSIZED, b"x" * (MAX_PAYLOAD + 1)),
        (Reason.OVERSIZED, pack([b'{"x":"' + b"y" * (MAX_PAYLOAD + 1) + b'"}'])),
        (Reason.UNSIGNED, pack([body])),
        (Reason.WRONG_SIGNATURE, pack([stranger.entry(body)])),
        (Reason.UNKNOWN_NODE, pack([stranger.entry(json.dumps(foreign, separators=(",", ":")).encode())])),
        (Reason.CONFLICT, pack([sign(encode(city.batch(1, 1)))])),
    ]
    held = [
        (Reason.UNKNOWN_WINDOW, pack([sign(encode(city.batch(50, 3, window="99")))])),
        (Reason.FUTURE, pack([sign(encode(city.batch(51, 3, ahead_ms=HOUR_MS)))])),
    ]
    numbers = iter(range(1, 50))
    await city.say(pack([sign(encode(city.batch(next(numbers), 3)))]))
    for _, payload in poisons + held:
        await city.say(payload)
        await city.say(pack([sign(encode(city.batch(next(numbers), 3)))]))
    good = 1 + len(poisons) + len(held)

    assert await city.box.onlooker.wait_for(good, within_s=60)
    reasons = [reason for reason, _ in poisons]
    page = (await city.ask("/api/quarantine"))["quarantine"]
    assert sorted(row["reason"] for row in page) == sorted(reason.value for reason in reasons)
    assert all(row["detail"] and row["count"] == 1 for row in page)
    metrics = await city.metrics()
    for reason in Reason:
        assert metrics[f'manyi_quarantined_total{{reason="{reason}"}}'] == reasons.count(reason)
        assert metrics[f'manyi_uncounted_total{{reason="{reason}"}}'] == [one for one, _ in held].count(reason)
    assert metrics["manyi_ratings_counted_total"] == good
    board = await city.ask("/api/board")
    assert board["total"] == good
    assert (board["path"]["quarantined"], board["path"]["uncounted"]) == (len(poisons), len(held))

    # The same poison again is one line with a count, and its neighbours in one payload are not held up.
    await city.say(pack([sign(encode(city.batch(60, 2))), body, sign(encode(city.batch(61, 2)))]))
    assert await city.box.onlooker.wait_for(good + 2, within_s=60)
    page = (await city.ask("/api/quarantine"))["quarantine"]
    assert [row["count"] for row in page if row["reason"] == Reason.UNSIGNED] == [2]

    database = city.box.premises.database
    assert sum(rating.counted for rating in ledger.read(database)) == good + 2
    assert {rating.level for rating in ledger.read(database) if rating.seq == 1} == {3}  # the first, not the conflict
    assert contradictions(database, ZONE) == []


async def test_a_rating_of_yesterday_counts_in_its_own_minute(city: City) -> None:
    late = city.batch(1, 1, ahead_ms=-25 * HOUR_MS)
    await city.say(pack([city.signer.entry(encode(late)), city.signer.entry(encode(city.batch(2, 3)))]))

    assert await city.box.onlooker.wait_for(2, within_s=60)
    with closing(ledger.connect(city.box.premises.database)) as database:
        minutes = {minute for (minute,) in database.execute("SELECT minute FROM tally_minute WHERE dissatisfied > 0")}
    assert minutes == {late.t0 // 60_000}
    assert contradictions(city.box.premises.database, ZONE) == []
