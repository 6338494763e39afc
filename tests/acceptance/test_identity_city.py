"""A whole city over TLS: a real node, gateway and city, each with its certificate, on two real mosquittos."""

import asyncio
import logging
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from cloud.city import City
from cloud.database import open_database
from cloud.pki import rules
from cloud.pki.invitations import Invitations
from cloud.registry.load import register
from cloud.settings import read as read_cloud
from contract.identity import window_id
from contract.rating import Level
from contract.signing import public_key
from edge.__main__ import main as edge
from edge.node import Node
from edge.settings import read as read_edge
from firmware_sim.broker import Mosquitto
from firmware_sim.cityplan import NodePlan, TownshipPlan, wiring
from firmware_sim.crowd import Press
from firmware_sim.finger import Finger, pins
from firmware_sim.fingerlog import FingerLog
from firmware_sim.premises import Habits, Premises, Wires, build
from gateway.__main__ import main as gateway_main
from gateway.__main__ import read as read_gateway
from gateway.post import Gateway
from tests.identity import Office, until
from tests.keys import coming_in
from transport import renewal
from transport.boot import wall_ms
from transport.keys import read_key

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

TOWNSHIP = "371721121"
NODE = f"{TOWNSHIP}-a1"


class Town(NamedTuple):
    """Two brokers that ask for certificates, and the premises of a node, a gateway and the city, who alone has one."""

    office: Office
    nodes: Mosquitto
    city: Mosquitto
    premises: Premises

    @property
    def node(self) -> Path:
        return self.premises.nodes[0]

    @property
    def gateway(self) -> Path:
        return self.premises.gateways[0]


def certify(office: Office, settings: Path, key: str, name: str, at: int | None = None) -> None:
    """Do by hand what an administrator does, at `at` (ms)."""
    public = read_key(settings.parent / key).public
    certificate = office.authority.issue(name, public, wall_ms() if at is None else at)
    (settings.parent / "certificate.pem").write_bytes(certificate)
    (settings.parent / "ca.pem").write_bytes(office.ca.read_bytes())


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
        for settings in (premises.cloud, *premises.gateways, *premises.nodes):
            text = settings.read_text()
            for broker in ("[broker]", "[node_broker]", "[city_broker]"):
                text = text.replace(broker, f'{broker}\nca = "ca.pem"\ncertificate = "certificate.pem"')
            settings.write_text(text)
        premises.cloud.write_text(f'pki = "{office.folder / "ca"}"\n{premises.cloud.read_text()}')
        certify(office, premises.cloud, "city.key", "city")
        yield Town(office, nodes, city, premises)


@asynccontextmanager
async def running(town: Town) -> AsyncIterator[City]:
    """The city, and at the end of it nothing."""
    settings = read_cloud(town.premises.cloud)
    city = City(
        settings,
        signer=read_key(Path(settings.key)),
        now=wall_ms,
        monotonic=time.monotonic,
        random_bits=Random(1).getrandbits,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(city.run(), name="city")
        await city.ready.wait()
        yield city
        city.stop()


class Work(NamedTuple):
    """`press` presses a button and waits for its light."""

    press: Callable[[Level], Awaitable[None]]
    gateway: Gateway


@asynccontextmanager
async def at_work(town: Town, log: Path) -> AsyncIterator[Work]:
    """A running node and gateway."""
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        at_gateway, at_node = read_gateway(town.gateway), read_edge(town.node)
        gateway = Gateway(at_gateway, read_key(Path(at_gateway.key)))
        factory = pins()
        node = Node(at_node, factory=factory, signer=read_key(Path(at_node.key)))
        for house in (gateway, node):
            tasks.create_task(house.run(), name=type(house).__name__)
            stack.callback(house.stop)
        await asyncio.gather(gateway.ready.wait(), node.ready.wait())
        fingers = FingerLog(log)
        stack.callback(fingers.close)
        window, visits = at_node.window[0], count()
        finger = Finger(window_id(NODE, window.id), window, factory, log=fingers, random=Random(1), wall_ms=wall_ms)

        async def press(level: Level) -> None:
            assert await finger.visit(f"v{next(visits)}", [Press(0.0, level)]) == "lit"
            await asyncio.sleep(0.2)

        yield Work(press, gateway)
        # Its line is empty, so whatever comes next finds nothing under way.
        await until(lambda: node._uplink.sender.lanes.ratings() == 0, 40)


async def registered(town: Town) -> None:
    async with await open_database(str(town.premises.database)) as database:
        await register(database.writer, town.premises.registration.read_bytes(), wall_ms())


def settled(town: Town) -> list[int]:
    """The numbers of the node's ratings in the ledger."""
    with closing(sqlite3.connect(town.premises.database)) as ledger:
        entries = ledger.execute("SELECT node, first, last FROM ledger_entry WHERE kind = 'batch'").fetchall()
    assert {name for name, _, _ in entries} <= {NODE}
    return sorted(number for _, first, last in entries for number in range(first, last + 1))


async def test_ratings_of_a_certified_node_settle_in_the_ledger(town: Town, tmp_path: Path) -> None:
    certify(town.office, town.gateway, "gateway.key", TOWNSHIP)
    certify(town.office, town.node, "node.key", NODE)
    await registered(town)
    async with running(town) as city, at_work(town, tmp_path / "fingers") as work:
        for level in (Level.SATISFIED, Level.BASIC, Level.DISSATISFIED, Level.SATISFIED):
            await work.press(level)
        await until(lambda: settled(town) == [1, 2, 3, 4], 40)
        async with coming_in(city.address, town.premises.keys) as client:
            assert (await client.get("/api/board")).json()["total"] == 4


async def test_a_node_and_a_gateway_enrol_by_their_commands_and_rate(
    town: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    invitations, token = Invitations(town.office.folder / "ca"), tmp_path / "token"
    async with running(town) as city:
        for main, settings, name in ((edge, town.node, NODE), (gateway_main, town.gateway, TOWNSHIP)):
            invited = invitations.invite(name, wall_ms() + 60_000)
            words = [
                "enrol",
                "--config",
                str(settings),
                "--city",
                city.address,
                "--token-file",
                str(token),
                "--new-key",
            ]
            token.write_text(invited._replace(secret=bytes(16)).text)
            assert await asyncio.to_thread(main, words) == 2
            assert "403: not invited" in capsys.readouterr().err
            token.write_text(invited.text)
            assert await asyncio.to_thread(main, words) == 0
            key = next(settings.parent.glob("*.key"))
            assert capsys.readouterr().out == f"{read_key(key).public}\n"
        async with at_work(town, tmp_path / "fingers") as work:
            await work.press(Level.SATISFIED)
            await work.press(Level.BASIC)
            await until(lambda: settled(town) == [1, 2], 40)
    away = [
        "enrol",
        "--config",
        str(town.node),
        "--city",
        "http://127.0.0.1:1",
        "--token-file",
        str(token),
        "--new-key",
    ]
    assert await asyncio.to_thread(edge, away) == 1
    assert capsys.readouterr().err.endswith("run the same command again\n")


@pytest.mark.timeout(240)
async def test_offline_over_the_end_of_its_certificate_a_node_loses_nothing(
    town: Town, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(renewal, "AGAIN_S", 0.1)
    certify(town.office, town.gateway, "gateway.key", TOWNSHIP)
    await registered(town)
    at_node = read_edge(town.node)
    city_key = read_key(Path(read_cloud(town.premises.cloud).key)).public
    ends = wall_ms() + 5000
    certify(town.office, town.node, "node.key", NODE, ends - rules.LIFE_DAYS * rules.DAY_MS)
    async with running(town) as city, at_work(town, tmp_path / "fingers") as work:
        await work.press(Level.SATISFIED)
        await town.nodes.stop()
        await work.press(Level.BASIC)
        await asyncio.sleep(max(0, ends + 2000 - wall_ms()) / 1000)
        await work.press(Level.DISSATISFIED)
        await town.nodes.start()
        await until(lambda: "takes our certificate, or its own revocation list, for expired" in caplog.text, 60)
        await work.press(Level.SATISFIED)
        asking = renewal.Renewal(city.address, at_node.broker, city_key, name=NODE)
        async with renewal.renewing(asking):
            await until(lambda: settled(town) == [1, 2, 3, 4], 80)
    assert f"{NODE}: a new certificate is in" in caplog.text


@pytest.mark.parametrize("house", ["edge", "gateway"])
async def test_a_house_that_knows_the_citys_address_renews_by_itself(house: str, town: Town) -> None:
    certify(town.office, town.gateway, "gateway.key", TOWNSHIP, wall_ms() - 400 * rules.DAY_MS)
    certify(town.office, town.node, "node.key", NODE, wall_ms() - 400 * rules.DAY_MS)
    config = town.node if house == "edge" else town.gateway
    before = (config.parent / "certificate.pem").read_bytes()
    # As the command, but that it does not wait up to ten minutes first.
    hurried = "import sys, transport.renewal as r; r.AGAIN_S = 0.1"
    script = f"{hurried}; from {house}.__main__ import main; sys.exit(main(sys.argv[1:]))"
    async with running(town) as city:
        config.write_text(f'city_url = "{city.address}"\n{config.read_text()}')
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, "run", "--config", str(config), stderr=asyncio.subprocess.DEVNULL
        )
        try:
            await until(lambda: (config.parent / "certificate.pem").read_bytes() != before, 60)
        finally:
            child.terminate()
            assert await child.wait() == 0
    key = read_key(next(config.parent.glob("*.key"))).public
    assert len(town.office.authority.held(NODE if house == "edge" else TOWNSHIP, key)) == 2


@pytest.mark.timeout(240)
async def test_a_node_with_a_new_key_goes_on_in_a_new_epoch(town: Town, tmp_path: Path) -> None:
    certify(town.office, town.gateway, "gateway.key", TOWNSHIP)
    certify(town.office, town.node, "node.key", NODE)
    await registered(town)
    key, token = town.node.parent / "node.key", tmp_path / "token"
    async with running(town) as city:
        async with at_work(town, tmp_path / "fingers") as work:
            await work.press(Level.SATISFIED)
            await until(lambda: settled(town) == [1], 40)
        old = read_key(key).public
        token.write_text(Invitations(town.office.folder / "ca").invite(NODE, wall_ms() + 60_000).text)
        words = ["enrol", "--config", str(town.node), "--city", city.address, "--token-file", str(token), "--new-key"]
        assert await asyncio.to_thread(edge, words) == 0
        new = read_key(key).public
        assert new != old
        (replaced,) = town.office.authority.held(NODE, old)
        town.office.revoke(replaced.serial, town.office.folder / f"broker-{TOWNSHIP}")
        await town.nodes.restart()
        async with at_work(town, tmp_path / "fingers") as work:
            await until(lambda: work.gateway._papers.keys_of(NODE)[0].raw == public_key(new), 40)
            await work.press(Level.BASIC)
            await until(lambda: settled(town) == [1, 1], 40)
    with closing(sqlite3.connect(town.premises.database)) as ledger:
        epochs = ledger.execute("SELECT DISTINCT epoch FROM ledger_entry WHERE kind = 'batch'").fetchall()
    assert len(epochs) == 2
