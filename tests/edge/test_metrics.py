"""What a node tells Prometheus: what happened at its windows, and nothing about which window or grade."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from gpiozero.pins.mock import MockFactory
from prometheus_client.metrics_core import Metric

from contract.config import WindowPins
from contract.signing import Signer
from edge.metrics import figures
from edge.node import Node
from edge.settings import Settings, Timing
from tests.unreadable import IN_EITHER_WAY, Reading, become_unreadable
from transport.broker import Broker

NODE = Settings(
    node="371721121-a1",
    store="outbox.db",
    key="a1.key",
    city_key=Signer(b"9" * 32).public,
    broker=Broker("127.0.0.1", 9),
    window=[WindowPins("01", 2, 3, 4, 5, 6, 7)],
    pins="mock",
    timing=Timing(settle_s=0, cooldown_s=60),
    heartbeat_s=0.05,
)


def values(families: list[Metric]) -> dict[str, float]:
    return {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}


async def test_a_press_shows_in_the_figures(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(NODE, store=f"{tmp_path}/outbox.db")
    pins = MockFactory()
    node = Node(settings, factory=pins, signer=Signer(b"1" * 32))
    assert [family.name for family in await figures(node)] == ["manyi_build_info"]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(node.run(), name="node")
        await node.ready.wait()
        for _ in range(3):  # the second and third fall into the cooldown
            pins.pin(2).drive_low()
            await asyncio.sleep(0.05)
            pins.pin(2).drive_high()
            await asyncio.sleep(0.05)
        families = await figures(node)
        node.stop()
    told = values(families)
    assert told["manyi_edge_ratings_settled_total"] == 1
    assert told["manyi_edge_presses_ignored_total"] == 2
    assert told["manyi_edge_ratings_refused_total"] == 0
    assert told["manyi_edge_waiting_ratings"] == 1
    assert told["manyi_edge_link_up"] == told["manyi_edge_clock_known"] == told["manyi_edge_full"] == 0
    assert told["manyi_edge_windows"] == 1
    assert told["manyi_edge_disk_free_bytes"] > 0
    assert told["manyi_edge_commit_seconds_count"] >= 2
    labels = {name for family in families for sample in family.samples for name in sample.labels}
    assert labels == {"le", "version"}


@IN_EITHER_WAY
async def test_a_disk_that_cannot_be_read_leaves_out_only_what_it_alone_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reading: Reading
) -> None:
    # So rare a heartbeat does not look at the disk while the test does: a damaged one ends the node.
    settings = msgspec.structs.replace(NODE, store=f"{tmp_path}/outbox.db", heartbeat_s=60)
    pins = MockFactory()
    node = Node(settings, factory=pins, signer=Signer(b"1" * 32))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(node.run(), name="node")
        await node.ready.wait()
        pins.pin(2).drive_low()
        async with asyncio.timeout(5):
            while not node._outbox.uncut:
                await asyncio.sleep(0.005)
        whole = values(await figures(node))
        with monkeypatch.context() as broken:
            become_unreadable(broken, reading)
            told = values(await figures(node))
        again = values(await figures(node))
        node.stop()
    assert whole.keys() - told.keys() == {"manyi_edge_oldest_seconds"}
    assert [one["manyi_edge_disk_readable"] for one in (whole, told, again)] == [1, 0, 1]
    assert told["manyi_edge_waiting_ratings"] == told["manyi_edge_ratings_settled_total"] == 1
    assert told["manyi_edge_disk_free_bytes"] > 0
    assert again.keys() == whole.keys()
