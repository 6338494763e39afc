"""A hundred visits: who rates, rates twice, is silent or late; with the line to the city cut for some of them.

Everything is real: brokers, gateway, a node on mock pins, the city and its ledger. What each visitor did is known here,
and the participation that anybody counts in the ledger must be exactly that.
"""

import asyncio
import json
import sqlite3
import sys
from collections import Counter as Count
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from random import Random
from time import gmtime
from typing import Any

import httpx
import pytest

from contract.identity import window_id
from contract.rating import Level
from edge.node import Node
from edge.settings import read as read_edge
from firmware_sim import loopback
from firmware_sim.broker import Mosquitto
from firmware_sim.children import Child
from firmware_sim.cityplan import NodePlan, TownshipPlan, wiring
from firmware_sim.finger import pins
from firmware_sim.premises import Habits, Premises, Wires, build
from firmware_sim.servers.daemon import free_port
from firmware_sim.visitors import MANNERS, Counter, Visitor
from proof.ledger import connect
from transport.keys import read_key

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

TOWNSHIP = "371721121"
A1 = f"{TOWNSHIP}-a1"
SECRET = "what the queue's system says to the gateway".replace(" ", "-")
WAIT_S = 2.0
COOLDOWN_S = 0.3
VISITS = 100
# Of these the first at each window come while the city cannot be reached.
CUT_OFF = 36


def noon_zone() -> str:
    """A zone where it is about noon now, so that no test meets a midnight."""
    ahead = 12 - gmtime().tm_hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


async def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.05)


class Hall:
    """A township with one node of three windows, its gateway as an installer leaves it, and the city."""

    def __init__(self, folder: Path, nodes: Mosquitto, city: Mosquitto) -> None:
        self.folder, self.city_broker, self.zone = folder, city, noon_zone()
        plan = TownshipPlan(TOWNSHIP, (NodePlan(A1, (wiring(1), wiring(2), wiring(3))),))
        wires = Wires(city.port, nodes.port, free_port())
        self.premises: Premises = build(
            [plan], folder / "city", wires=wires, habits=Habits(0.1, COOLDOWN_S, heartbeat_s=1.0)
        )
        self.premises.cloud.write_text(f'zone = "{self.zone}"\nvisits = true\n{self.premises.cloud.read_text()}')
        self.port = free_port()
        gateway = self.premises.gateways[0]
        told = (
            f'{gateway.read_text()}\n[web]\nport = {self.port}\n[visits]\nsecret = "visits.secret"\nwait_s = {WAIT_S}\n'
        )
        gateway.write_text(told)
        secret = gateway.with_name("visits.secret")
        secret.write_text(SECRET)
        secret.chmod(0o600)

    def child(self, name: str, *words: str) -> Child:
        return Child(name, [sys.executable, "-m", *words], log=self.folder / f"{name}.log")

    @asynccontextmanager
    async def running(self, name: str, *words: str) -> AsyncIterator[Child]:
        child = self.child(name, *words)
        await child.start()
        try:
            yield child
        finally:
            await child.stop()

    async def register(self) -> None:
        words = ("cloud", "register", "--config", str(self.premises.cloud), str(self.premises.registration))
        registering = self.child("registration", *words)
        await registering.start()
        await registering.finish()

    def ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(connect(self.premises.database)) as ledger:
            return ledger.execute(sql, values).fetchall()

    def knows(self, sql: str, *values: object) -> bool:
        """Whether the city's database has a row of `sql`; one that is still being made has none."""
        try:
            return bool(self.ask(sql, *values))
        except sqlite3.OperationalError:
            return False

    async def told(self, *words: str) -> str:
        """What an outsider's command says of the ledger."""
        words = ("proof", *words, "--database", str(self.premises.database), "--zone", self.zone)
        child = Child("outsider", [sys.executable, "-m", *words], log=self.folder / "outsider.log", speaks=True)
        await child.start()
        return await child.finish()


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    async with AsyncExitStack() as stack:
        nodes = await stack.enter_async_context(Mosquitto(tmp_path / "nodes"))
        city = await stack.enter_async_context(Mosquitto(tmp_path / "broker"))
        made = Hall(tmp_path, nodes, city)
        await made.register()
        await stack.enter_async_context(made.running("cloud", "cloud", "run", "--config", str(made.premises.cloud)))
        # Who may tell of visits is registered by the city itself.
        await until(lambda: made.knows("SELECT 1 FROM node WHERE node = ?", f"{A1}.prompt"))
        gateway = str(made.premises.gateways[0])
        await stack.enter_async_context(made.running("gateway", "gateway", "run", "--config", gateway))
        yield made


@asynccontextmanager
async def counters(hall: Hall) -> AsyncIterator[tuple[Node, dict[str, Counter], httpx.AsyncClient]]:
    """The node, its windows by name, and the line to the gateway of the queue's system."""
    settings, factory = read_edge(hall.premises.nodes[0]), pins()
    node = Node(settings, factory=factory, signer=read_key(Path(settings.key)))
    known = {"Authorization": f"Bearer {SECRET}"}
    async with (
        loopback.client(base_url=f"http://127.0.0.1:{hall.port}", headers=known) as client,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(node.run(), name="node")
        await node.ready.wait()
        await until(node._timepiece.now)
        windows: dict[str, Counter] = {}
        for place, one in enumerate(settings.window):
            window = node._panel._windows[place]
            windows[window_id(A1, one.id)] = Counter(
                window_id(A1, one.id),
                one,
                factory,
                client,
                settled=lambda window=window: window.settled,  # type: ignore[misc]
                cooldown_s=COOLDOWN_S,
            )
        yield node, windows, client
        node.stop()


def drawn(windows: list[str]) -> dict[str, list[Visitor]]:
    random = Random(8)
    visitors: dict[str, list[Visitor]] = {window: [] for window in windows}
    for number in range(VISITS):
        level = random.choices((Level.SATISFIED, Level.BASIC, Level.DISSATISFIED), (6, 2, 2))[0]
        visitor = Visitor(f"T-{number:03}", random.choices(MANNERS, (5, 2, 2, 1))[0], level)
        visitors[windows[number % len(windows)]].append(visitor)
    return visitors


async def test_of_a_hundred_visits_participation_is_exact_and_surplus_is_flagged(hall: Hall) -> None:
    async with counters(hall) as (_, windows, client):
        visitors = drawn(list(windows))

        async def serve(window: str, some: list[Visitor]) -> None:
            for visitor in some:
                await windows[window].serve(visitor)

        # The line to the city is cut: visits go on, and are told when it is mended.
        hall.city_broker.kill()
        share = CUT_OFF // len(windows)
        await asyncio.gather(*(serve(window, some[:share]) for window, some in visitors.items()))
        assert hall.ask("SELECT count(*) FROM ledger_entry WHERE kind IN ('batch', 'visits')") == [(0,)]
        await hall.city_broker.restart()
        await asyncio.gather(*(serve(window, some[share:]) for window, some in visitors.items()))
        # The same words again change nothing.
        again = await client.post("/visits", json={"window": next(iter(windows)), "token": "T-000"})
        assert again.status_code == 200

    every = [visitor for some in visitors.values() for visitor in some]
    doubled = sum(visitor.manner == "doubles" for visitor in every)
    late = sum(visitor.manner == "late" for visitor in every)
    rated = [visitor for visitor in every if visitor.manner in {"rates", "doubles"}]
    ratings = len(rated) + doubled + late
    counted = "SELECT coalesce(sum(satisfied + basic + dissatisfied), 0) FROM tally_city"
    await until(lambda: hall.ask(counted) == [(ratings,)])
    await until(lambda: hall.ask("SELECT count(became) FROM visit") == [(VISITS,)])

    units = json.loads(await hall.told("visits", "--period", _today(hall), "--json"))["units"]
    for code, some in [(TOWNSHIP, every), *visitors.items()]:
        levels = Count(one.level for one in some if one.manner in {"rates", "doubles"})
        silent = sum(one.manner in {"silent", "late"} for one in some)
        expected = [levels[Level.SATISFIED], levels[Level.BASIC], levels[Level.DISSATISFIED]]
        found = units[code]
        assert (found["asked"], found["rated"], found["silent"]) == (len(some), expected, silent)
        assert (found["unshown"], found["missing"], found["surplus"]) == (0, 0, 0)
        assert found["participation"] == sum(expected) / len(some)
        assert found["low"] <= found["high"]
    # Nothing was invented: each rating of the ledger is a press, and each token is that of one visit.
    assert hall.ask("SELECT count(*), count(DISTINCT token) FROM visit WHERE ratings = 1") == [(len(rated),) * 2]
    # Every second press and every late one is flagged by name, and counts all the same.
    flagged = "SELECT coalesce(sum(size), 0) FROM misuse_flag WHERE rule = 'surplus'"
    await until(lambda: hall.ask(flagged) == [(doubled + late,)], seconds=120)
    await hall.told("audit")


async def test_who_is_not_there_or_was_cut_off_is_not_called_silent(hall: Hall) -> None:
    async with counters(hall) as (node, windows, client):
        window, other = list(windows)[:2]
        # The node's power goes while it asks; it comes back, and cannot say what became of it.
        answer = await client.post("/visits", json={"window": window, "token": "cut"})
        assert answer.status_code == 201
        await until(lambda: "shown" in node._prompts._known.values())
        node.stop()
    async with counters(hall) as (_, windows, client):
        await windows[window].known("cut", "unshown")
        await windows[other].serve(Visitor("fine", "silent", Level.BASIC))
        await until(lambda: hall.ask("SELECT count(became) FROM visit") == [(2,)])
    units = json.loads(await hall.told("visits", "--period", _today(hall), "--json"))["units"]
    assert (units["city"]["asked"], units["city"]["silent"], units["city"]["unshown"]) == (2, 1, 1)


def _today(hall: Hall) -> str:
    ((day,),) = hall.ask("SELECT day FROM visit ORDER BY day DESC LIMIT 1")
    return str(day)
