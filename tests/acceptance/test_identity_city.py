"""A whole city over TLS: a real node, gateway and city, each with its certificate, on two real mosquittos."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import NamedTuple

import httpx
import pytest

from cloud.city import City
from cloud.database import open_database
from cloud.registry.load import register
from cloud.settings import read as read_cloud
from contract.identity import window_id
from contract.rating import Level
from edge.node import Node
from edge.settings import read as read_edge
from firmware_sim.broker import Mosquitto
from firmware_sim.cityplan import NodePlan, TownshipPlan, wiring
from firmware_sim.crowd import Press
from firmware_sim.finger import Finger, pins
from firmware_sim.fingerlog import FingerLog
from firmware_sim.premises import Habits, Premises, Wires, build
from gateway.__main__ import read as read_gateway
from gateway.post import Gateway
from tests.identity import Office, until
from transport.boot import wall_ms
from transport.keys import read_key

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

TOWNSHIP = "371721121"
NODE = f"{TOWNSHIP}-a1"
EPOCH_BITS = 60


class Town(NamedTuple):
    """Two brokers that ask for certificates, and the premises of everybody with theirs."""

    nodes: Mosquitto
    city: Mosquitto
    premises: Premises
    office: Office


def certify(office: Office, settings: Path, key: str, name: str, *brokers: str) -> None:
    """Have the key of a house certified, and its settings say so."""
    folder = settings.parent
    certificate = office.authority.issue(name, read_key(folder / key).public, wall_ms())
    (folder / "certificate.pem").write_bytes(certificate)
    (folder / "ca.pem").write_bytes(office.ca.read_bytes())
    text = settings.read_text()
    for broker in brokers:
        text = text.replace(f"[{broker}]\n", f'[{broker}]\nca = "ca.pem"\ncertificate = "certificate.pem"\n')
    settings.write_text(text)


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    office = Office(tmp_path / "office")
    async with (
        Mosquitto(tmp_path / "township", identity=office.broker(TOWNSHIP)) as nodes,
        Mosquitto(tmp_path / "city", identity=office.broker("city")) as city,
    ):
        plan = [TownshipPlan(TOWNSHIP, (NodePlan(NODE, (wiring(1),)),))]
        wires = Wires(city.port, nodes.port, 0)
        premises = build(plan, tmp_path / "premises", wires=wires, habits=Habits(0.05, 0.05, heartbeat_s=1.0))
        certify(office, premises.nodes[0], "node.key", NODE, "broker")
        certify(office, premises.gateways[0], "gateway.key", TOWNSHIP, "node_broker", "city_broker")
        certify(office, premises.cloud, "city.key", "city", "broker")
        async with await open_database(str(premises.database)) as database:
            await register(database.writer, premises.registration.read_bytes(), wall_ms())
        yield Town(nodes, city, premises, office)


async def test_ratings_of_a_certified_node_settle_in_the_ledger(town: Town, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        settings = read_cloud(town.premises.cloud)
        key = read_key(Path(settings.key))
        city = City(
            settings,
            signer=key,
            now=wall_ms,
            monotonic=asyncio.get_running_loop().time,
            random_bits=Random(1).getrandbits,
        )
        at_gateway = read_gateway(town.premises.gateways[0])
        gateway = Gateway(at_gateway, read_key(Path(at_gateway.key)))
        at_node, factory = read_edge(town.premises.nodes[0]), pins()
        node = Node(at_node, factory=factory, signer=read_key(Path(at_node.key)))
        for house in (city, gateway, node):
            tasks.create_task(house.run(), name=type(house).__name__)
            stack.callback(house.stop)
        await asyncio.gather(*(house.ready.wait() for house in (city, gateway, node)))

        log = FingerLog(tmp_path / "fingers.log")
        stack.callback(log.close)
        finger = Finger(window_id(NODE, "01"), at_node.window[0], factory, log=log, random=Random(1), wall_ms=wall_ms)
        pressed = [Level.SATISFIED, Level.BASIC, Level.DISSATISFIED, Level.SATISFIED]
        for number, level in enumerate(pressed):
            assert await finger.visit(f"v{number}", [Press(0.0, level)]) == "lit"
            await asyncio.sleep(0.2)

        async with httpx.AsyncClient(base_url=city.address, trust_env=False) as client:
            async with asyncio.timeout(30):
                while (await client.get("/api/board")).json()["total"] < len(pressed):
                    await asyncio.sleep(0.05)
        await until(lambda: node._uplink.sender.lanes.ratings() == gateway._forwarder.sender.lanes.ratings() == 0)

    with sqlite3.connect(town.premises.database) as ledger:
        entries = ledger.execute("SELECT node, first, last FROM ledger_entry WHERE kind = 'batch'").fetchall()
    assert {name for name, _, _ in entries} == {NODE}
    assert sorted(number for _, first, last in entries for number in range(first, last + 1)) == [1, 2, 3, 4]
