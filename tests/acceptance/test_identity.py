"""Who may say and hear what at real mosquittos that `manyi pki broker` furnished, whatever they try."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple, get_args

import pytest

from contract import topics
from contract.identity import TOWNSHIP, county_of
from firmware_sim.broker import Mosquitto
from tests.identity import Ear, Office, until
from transport import tls

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

OURS, THEIRS, CITY = "371721121", "371722122", "city"
A1, A2, B1 = f"{OURS}-a1", f"{OURS}-a2", f"{THEIRS}-b1"
# What somebody subscribes to who wants all there is.
GREEDY = ("#", "$SYS/#", "$share/thief/#", "+/+/+/acks", f"{topics.ROOT}/+/+", f"{topics.ROOT}/+/+/+")
NODE_TOPICS = [topics.node(name, leaf) for name in (A1, A2, B1, OURS, CITY) for leaf in get_args(topics.NodeLeaf)]
# In its own county and in another one, where the city must take nothing.
TOWNSHIP_TOPICS = [
    f"{topics.ROOT}/{county}/{name}/{leaf}"
    for county in (county_of(OURS), county_of(THEIRS))
    for name in (OURS, THEIRS, A1, CITY)
    for leaf in get_args(topics.TownshipLeaf)
]


class Table(NamedTuple):
    """One broker: all its topics, whose it is, and what its owner says to others; the rest is said to the owner."""

    place: str
    matrix: Sequence[str]
    answers: frozenset[str]

    def may_write(self, name: str, topic: str) -> bool:
        whose, leaf = topic.split("/")[-2:]
        return (name == self.place and leaf in self.answers) or (name == whose and leaf not in self.answers)

    def may_read(self, name: str, topic: str) -> bool:
        whose, leaf = topic.split("/")[-2:]
        return (name == self.place and leaf not in self.answers) or (name == whose and leaf in self.answers)

    @property
    def names(self) -> list[str]:
        """Everybody in it: devices of the place, and stolen ones of elsewhere."""
        return list(dict.fromkeys([self.place, *(topic.split("/")[-2] for topic in self.matrix)]))

    def own(self, name: str, *, written: bool) -> str:
        """A topic in the name of `name` that it may write, or read."""
        return next(
            t for t in self.matrix if t.split("/")[-2] == name and (t.split("/")[-1] in self.answers) != written
        )


TOWNSHIPS = Table(OURS, NODE_TOPICS, frozenset({"acks", "config", "prompt"}))
CITYS = Table(CITY, TOWNSHIP_TOPICS, frozenset({"acks", "config", "hall"}))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "office")


class Crowd(NamedTuple):
    """Everybody of `table` on one broker, and listening to whatever they may hear."""

    table: Table
    mosquitto: Mosquitto
    ears: dict[str, Ear]

    async def settle(self, said: str) -> None:
        """Wait until what the owner heard up to `said`, and all that was said before, has reached everybody.

        mosquitto takes what one client says in its order, and what it has for one client goes there in its order.
        """
        owner = self.ears[self.table.place]
        await owner.hears(said.encode())
        for name, ear in self.ears.items():
            owner.link.publish(self.table.own(name, written=False), f"{said} to {name}".encode())
            await ear.hears(f"{said} to {name}".encode())

    def heard(self, payload: str) -> dict[str, set[str]]:
        """Who heard `payload` on which topics."""
        found = {name: {t for t, heard in ear.heard if heard == payload.encode()} for name, ear in self.ears.items()}
        return {name: heard for name, heard in found.items() if heard}

    def expected(self, writer: str) -> dict[str, set[str]]:
        """Who should hear `writer`, and on which topics, when it has said something everywhere."""
        said = [topic for topic in self.table.matrix if self.table.may_write(writer, topic)]
        found = {name: {topic for topic in said if self.table.may_read(name, topic)} for name in self.ears}
        return {name: heard for name, heard in found.items() if heard}


@asynccontextmanager
async def gathered(office: Office, folder: Path, table: Table) -> AsyncIterator[Crowd]:
    async with AsyncExitStack() as stack:
        mosquitto = Mosquitto(folder, identity=office.broker(table.place))
        # Without a limit, mosquitto 2.0.11 ends the connection of who says what it may not; here all is to be tried.
        mosquitto.configure({"max_queued_messages": "100000"})
        await stack.enter_async_context(mosquitto)
        ears = {}
        for name in table.names:
            ear = Ear(office.device(name).broker(mosquitto.port), name, *GREEDY, *table.matrix)
            ears[name] = await stack.enter_async_context(ear)
        yield Crowd(table, mosquitto, ears)


def knock(context: ssl.SSLContext | None, port: int, client_id: str, will: str) -> bytes:
    """Connect as `client_id` with a will for the topic `will`, read what is answered, and die without a goodbye."""
    assert context is not None
    texts = b"".join(struct.pack(">H", len(text)) + text for text in (client_id.encode(), will.encode(), b"will"))
    head = b"\x00\x04MQTT\x04" + bytes([0b0010_1110]) + b"\x00\x3c"
    with (
        socket.create_connection(("127.0.0.1", port), 20) as line,
        context.wrap_socket(line, server_hostname="127.0.0.1") as wire,
    ):
        wire.sendall(b"\x10" + bytes([len(head + texts)]) + head + texts)
        return wire.recv(4)


@pytest.mark.parametrize("table", [TOWNSHIPS, CITYS], ids=["township", "city"])
async def test_whoever_says_something_everywhere_is_heard_in_its_own_name_only(
    table: Table, office: Office, tmp_path: Path
) -> None:
    async with gathered(office, tmp_path / "broker", table) as crowd:
        for writer, ear in crowd.ears.items():
            for topic in table.matrix:
                assert ear.link.publish(topic, writer.encode(), retain=True)
            ear.link.publish(table.own(writer, written=True), f"{writer} last".encode())
            await crowd.settle(f"{writer} last")
            assert crowd.heard(writer) == crowd.expected(writer)
            assert writer == table.place or set(crowd.heard(writer)) == {table.place}

        # What is retained reaches a newcomer as far as it may read, whatever it subscribes to.
        for name, ear in crowd.ears.items():
            ear.link.unsubscribe([*GREEDY, *table.matrix])
            ear.heard.clear()
            granted = asyncio.Event()
            ear.link.subscribe([*GREEDY, *table.matrix], granted.set)
            await asyncio.wait_for(granted.wait(), 20)
            crowd.ears[table.place].link.publish(table.own(name, written=False), b"the end")
            await ear.hears(b"the end")
            assert {topic for topic, _ in ear.heard} == {t for t in table.matrix if table.may_read(name, t)}
        assert {ear.downs for ear in crowd.ears.values()} == {0}


def test_what_a_stranger_may_say_to_the_city_has_no_writer_but_itself() -> None:
    for name in set(CITYS.names) - {CITY}:
        writers = {topics.writer(topic) for topic in CITYS.matrix if CITYS.may_write(name, topic)}
        assert writers == ({"", name} if TOWNSHIP.fullmatch(name) else {""})


async def test_a_will_reaches_nobody_in_anothers_name(office: Office, tmp_path: Path) -> None:
    async with gathered(office, tmp_path / "broker", TOWNSHIPS) as crowd:
        secured = tls.context(office.again(A1).broker(crowd.mosquitto.port))
        # Its own last: when that is heard, the others have been dealt with.
        for topic in sorted(TOWNSHIPS.matrix, key=lambda topic: TOWNSHIPS.may_write(A1, topic)):
            assert await asyncio.to_thread(knock, secured, crowd.mosquitto.port, "dies", topic) == b"\x20\x02\x00\x00"
        expected = {OURS: {topics.node(A1, "ratings"), topics.node(A1, "status")}}
        await until(lambda: crowd.heard("will") == expected)
        crowd.ears[A1].link.publish(TOWNSHIPS.own(A1, written=True), b"last")
        await crowd.settle("last")
        assert crowd.heard("will") == crowd.expected(A1) == expected


async def test_who_says_what_it_may_not_loses_its_connection(office: Office, tmp_path: Path) -> None:
    async with (
        Mosquitto(tmp_path / "broker", identity=office.broker(OURS)) as mosquitto,
        Ear(office.device(OURS).broker(mosquitto.port), "gateway", "#") as gateway,
        Ear(office.device(A1).broker(mosquitto.port), "thief") as thief,
        Ear(office.device(A2).broker(mosquitto.port), "node") as node,
    ):
        thief.link.publish(topics.node(A2, "ratings"), b"forged")
        await until(lambda: thief.downs)
        node.link.publish(topics.node(A2, "ratings"), b"own")
        await gateway.hears(b"own")
        assert gateway.heard == [(topics.node(A2, "ratings"), b"own")]
        assert (gateway.downs, node.downs) == (0, 0)


async def test_nobody_is_thrown_off_by_another_certificate(office: Office, tmp_path: Path) -> None:
    """mosquitto ends the older of two connections with one client id, whatever their certificates."""
    async with gathered(office, tmp_path / "broker", TOWNSHIPS) as crowd:
        secured = tls.context(office.again(B1).broker(crowd.mosquitto.port))
        for name in crowd.ears:
            await asyncio.to_thread(knock, secured, crowd.mosquitto.port, name, topics.node(B1, "status"))
        crowd.ears[A1].link.publish(TOWNSHIPS.own(A1, written=True), b"last")
        await crowd.settle("last")
        assert {name: ear.downs for name, ear in crowd.ears.items()} == dict.fromkeys(crowd.ears, 0)


async def test_a_revoked_certificate_is_out_when_the_broker_restarts_and_all_others_come_back(
    office: Office, tmp_path: Path
) -> None:
    async with gathered(office, tmp_path / "broker", TOWNSHIPS) as crowd:
        office.revoke(A1, office.folder / f"broker-{OURS}")
        await crowd.mosquitto.restart()
        others = [ear for name, ear in crowd.ears.items() if name != A1]
        await until(lambda: all(ear.ups == 2 for ear in others), 60)
        crowd.ears[OURS].link.publish(TOWNSHIPS.own(A2, written=False), b"welcome back")
        await crowd.ears[A2].hears(b"welcome back")
        assert (crowd.ears[A1].ups, crowd.ears[A1].downs) == (1, 1)
