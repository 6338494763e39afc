"""The city's ingest on a real mosquitto: what a gateway sends is answered, and what it must know is retained."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Literal

import pytest

from cloud.calendar import Calendar
from cloud.database import open_database
from cloud.ingest import receipts, worker
from cloud.ingest.answers import UNASKED
from cloud.ingest.charge import Shared, Whole
from cloud.ingest.worker import Ingest
from cloud.ledger.cells import rated
from cloud.ledger.commit import Commit
from cloud.registry.load import register
from cloud.registry.worker import RegistryHolder
from cloud.settings import Settings
from contract import topics
from contract.ack import Ack, Receipt
from contract.batch import StreamKey
from contract.bundle import pack, unpack
from contract.codec import Entry, decode, encode
from contract.config import Roster
from contract.hall import Hall, Plate
from contract.hello import Stream, Welcome
from contract.signing import public_key, verify
from contract.veil import Veil
from firmware_sim.broker import Mosquitto
from tests.cloud.conftest import EPOCH, GATEWAY, NODE, NOW, SIGNERS, TOWNSHIP, entry, hello
from tests.cloud.where import Where
from transport.broker import Broker
from transport.link import Link

CITY = SIGNERS["371721122-b2"]
REGISTRATION = json.dumps(
    {
        "nodes": [{"node": NODE, "key": SIGNERS[NODE].public, "windows": ["01", "02"]}],
        "gateways": [{"node": GATEWAY, "key": SIGNERS[GATEWAY].public}],
    }
)


class Township:
    """What a gateway hears on its topics of the city's broker."""

    def __init__(self, broker: Broker) -> None:
        self.heard: list[tuple[str, Entry]] = []
        self.up = asyncio.Event()
        self._news = asyncio.Event()
        self.link = Link(
            broker,
            client_id="township",
            subscribe=[topics.township(TOWNSHIP, leaf) for leaf in ("acks", "config", "hall")],
            on_receive=self._receive,
            on_up=self.up.set,
            on_down=self.up.clear,
        )

    def _receive(self, topic: str, payload: bytes) -> None:
        for one in unpack(payload):
            if isinstance(decode(one.body), Receipt | Roster):
                assert verify(one.body, one.signature, public_key(CITY.public))
            self.heard.append((topic.rpartition("/")[2], decode(one.body)))
        self._news.set()

    async def hear(self, kind: type[Entry]) -> Entry:
        """The next entry of `kind`, also if it came already."""
        while True:
            for index, (_, one) in enumerate(self.heard):
                if isinstance(one, kind):
                    del self.heard[index]
                    return one
            self._news.clear()
            await self._news.wait()


class Running:
    """An ingest at work, and the commits it told of."""

    def __init__(self, ingest: Ingest, township: Township) -> None:
        self.ingest = ingest
        self.township = township
        self.commits: list[Commit] = []
        ingest.listeners.append(self.commits.append)


@asynccontextmanager
async def running(
    where: Where, mosquitto: Mosquitto, *, clock: Literal["trusted", "kernel"] = "trusted"
) -> AsyncIterator[Running]:
    """On PostgreSQL as one of several workers; each name that it gives itself is one higher."""
    broker = Broker(mosquitto.host, mosquitto.port)
    settings = Settings(where.database, "", broker, clock=clock)
    numbers = count(1)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(await open_database(settings.database, sole=True))
        await register(database.writer, REGISTRATION, NOW)
        holder = RegistryHolder(database.reader, now=lambda: NOW)
        await holder.refresh()
        ingest = Ingest(
            settings,
            database,
            holder,
            Shared(database.writer, lambda: [TOWNSHIP[:6]]) if database.shared else Whole(),
            signer=CITY,
            name=lambda: f"city-{next(numbers):05d}",
            now=lambda: NOW,
            calendar=Calendar(settings.zone),
            monotonic=asyncio.get_running_loop().time,
        )
        township = Township(broker)
        made = Running(ingest, township)
        async with township.link:
            await township.up.wait()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(ingest.run())
                while not ingest.up or ingest._awaited:
                    await asyncio.sleep(0.01)
                yield made
                ingest.stop()


@pytest.fixture
async def city(where: Where, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    monkeypatch.setattr(receipts, "TICK_S", 0.01)
    async with running(where, mosquitto) as made:
        yield made


async def test_batches_on_both_lanes_are_settled_and_receipted(city: Running) -> None:
    link = city.township.link
    link.publish(topics.township(TOWNSHIP, "live"), pack([entry(4, ("01", 3))]))
    assert await city.township.hear(Ack) == Ack(NODE, EPOCH, settled=[(4, 4)])
    assert await city.township.hear(Receipt) == Receipt(NODE, EPOCH, [(4, 4)], NOW)

    link.publish(topics.township(TOWNSHIP, "backlog"), pack([entry(1, ("01", 3), ("02", 1), ("02", 1))]))
    assert await city.township.hear(Ack) == Ack(NODE, EPOCH, settled=[(1, 3)])
    assert sum(rated(commit.cells) for commit in city.commits) == 4


async def test_a_city_that_comes_up_makes_itself_known_and_retains_the_roster(city: Running) -> None:
    hint = await city.township.hear(Welcome)
    assert isinstance(hint, Welcome)
    assert (hint.to, hint.nonce, hint.by, hint.clock.at) == (GATEWAY, UNASKED, "city-00001", NOW)
    roster = await city.township.hear(Roster)
    assert isinstance(roster, Roster)
    assert [node.node for node in roster.nodes] == [NODE]

    newcomer = Township(city.township.link._broker)
    async with newcomer.link:
        assert await newcomer.hear(Roster) == roster


async def test_what_a_hall_shows_is_retained_for_whoever_comes_later_and_told_again_after_a_broker_died(
    city: Running, mosquitto: Mosquitto
) -> None:
    await city.township.hear(Roster)
    hall = Hall(TOWNSHIP, 1, "大集镇", "Daji", "Asia/Shanghai", Veil(3, 5), 20, [Plate(f"{NODE}/01")])
    told = [(TOWNSHIP, pack([CITY.entry(encode(hall))]))]
    city.ingest.halls = lambda: told
    city.ingest.tell_halls(told)
    assert await city.township.hear(Hall) == hall
    newcomer = Township(city.township.link._broker)
    async with newcomer.link:
        assert await newcomer.hear(Hall) == hall
    mosquitto.kill()
    while city.ingest.up:
        await asyncio.sleep(0.01)
    await mosquitto.restart()
    assert await city.township.hear(Hall) == hall


async def test_a_gateways_hello_gets_a_welcome(city: Running) -> None:
    await city.township.hear(Welcome)
    stream = Stream(*StreamKey(NODE, EPOCH), [(1, 2)])
    city.township.link.publish(
        topics.township(TOWNSHIP, "live"), pack([entry(1, ("01", 3)), hello(GATEWAY, stream, nonce="mine")])
    )

    welcome = await city.township.hear(Welcome)
    assert isinstance(welcome, Welcome)
    assert (welcome.nonce, welcome.streams) == ("mine", [Ack(NODE, EPOCH, settled=[(1, 1)])])


async def test_the_city_comes_back_when_the_broker_does(city: Running, mosquitto: Mosquitto) -> None:
    await city.township.hear(Roster)
    mosquitto.kill()
    while city.ingest.up:
        await asyncio.sleep(0.01)
    await mosquitto.restart()
    await city.township.hear(Roster)
    city.township.link.publish(topics.township(TOWNSHIP, "live"), pack([entry(1, ("01", 3))]))

    assert await city.township.hear(Ack) == Ack(NODE, EPOCH, settled=[(1, 1)])


async def test_nobody_is_welcomed_before_both_lanes_are_heard(city: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever is welcomed sends its backlog, and waits half a minute where nobody hears it.
    await city.township.hear(Welcome)
    monkeypatch.setattr(city.ingest._links["backlog"], "up", False)
    greeting = pack([entry(1, ("01", 3)), hello(GATEWAY, nonce="early")])
    city.township.link.publish(topics.township(TOWNSHIP, "live"), greeting)
    assert await city.township.hear(Ack) == Ack(NODE, EPOCH, settled=[(1, 1)])
    city.ingest._delivered("live")
    await asyncio.sleep(0.2)
    assert not any(isinstance(one, Welcome) for _, one in city.township.heard)

    monkeypatch.setattr(city.ingest._links["backlog"], "up", True)
    city.ingest._delivered("backlog")
    hint = await city.township.hear(Welcome)
    assert isinstance(hint, Welcome)
    assert hint.nonce == UNASKED
    city.township.link.publish(topics.township(TOWNSHIP, "live"), pack([hello(GATEWAY, nonce="again")]))
    welcome = await city.township.hear(Welcome)
    assert isinstance(welcome, Welcome)
    assert welcome.nonce == "again"


on_postgresql = pytest.mark.parametrize("where", ["postgresql"], indirect=True)


@on_postgresql
async def test_a_worker_that_lost_its_session_takes_its_counties_again_and_asks_what_is_kept(
    city: Running, where: Where
) -> None:
    """What the server that is there now lacks comes again; nobody else need have had the counties meanwhile."""
    hint = await city.township.hear(Welcome)
    city.township.link.publish(topics.township(TOWNSHIP, "live"), pack([entry(1, ("01", 3))]))
    await city.township.hear(Receipt)
    where.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid()"
    )

    again = await city.township.hear(Welcome)
    assert isinstance(hint, Welcome)
    assert isinstance(again, Welcome)
    assert (again.to, again.nonce) == (GATEWAY, UNASKED)
    assert again.by != hint.by
    stream = Stream(*StreamKey(NODE, EPOCH), [(1, 2)])
    city.township.link.publish(topics.township(TOWNSHIP, "live"), pack([hello(GATEWAY, stream, nonce="mine")]))
    welcome = await city.township.hear(Welcome)
    assert isinstance(welcome, Welcome)
    assert (welcome.by, welcome.nonce, welcome.streams) == (again.by, "mine", [Ack(NODE, EPOCH, settled=[(1, 1)])])


@on_postgresql
async def test_a_worker_that_hears_no_broker_leaves_its_counties_to_others(
    city: Running, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    await city.township.hear(Welcome)
    assert city.ingest.counties == {TOWNSHIP[:6]}
    monkeypatch.setattr(worker, "DEAF_S", 1.5)
    mosquitto.kill()
    while city.ingest.counties:
        await asyncio.sleep(0.01)

    # On a slow machine it would take itself for deaf again, and what is said below is said once.
    monkeypatch.undo()
    await mosquitto.restart()
    # Who of the two comes back first is a matter of chance; a township that is later greets.
    await city.township.up.wait()
    while not city.ingest.counties or not city.ingest.up or city.ingest._awaited:
        await asyncio.sleep(0.01)
    city.township.heard.clear()
    city.township.link.publish(topics.township(TOWNSHIP, "live"), pack([entry(1, ("01", 3)), hello(GATEWAY)]))
    assert await city.township.hear(Ack) == Ack(NODE, EPOCH, settled=[(1, 1)])
    await city.township.hear(Welcome)


@pytest.mark.parametrize("error", [None, 3])
async def test_a_rating_is_of_the_future_only_by_a_clock_that_is_known_to_be_right(
    where: Where, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch, error: int | None
) -> None:
    monkeypatch.setattr(worker, "kernel_error_ms", lambda: error)
    async with running(where, mosquitto, clock="kernel") as city:
        ahead = pack([entry(1, ("01", 3), t0=NOW + 3_600_000)])
        city.township.link.publish(topics.township(TOWNSHIP, "live"), ahead)
        await city.township.hear(Ack)
    assert [commit.uncounted for commit in city.commits] == [0 if error is None else 1]
