"""A connection to a real mosquitto that is killed, stopped and restarted under it."""

import asyncio
import errno
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

import msgspec
import pytest

from contract.errors import SettingsError
from contract.settings import parse
from firmware_sim.broker import Mosquitto
from transport import link as link_module
from transport.backoff import Backoff
from transport.broker import Broker
from transport.link import Link

Heard = list[tuple[str, bytes]]


class Ear:
    """A link with everything that it said, to wait for."""

    def __init__(self, mosquitto: Mosquitto, name: str, *topics: str, will: tuple[str, bytes] | None = None) -> None:
        self.heard: Heard = []
        self.ups = self.downs = 0
        self.link = Link(
            Broker("127.0.0.1", mosquitto.port),
            client_id=name,
            subscribe=topics,
            on_receive=lambda topic, payload: self.heard.append((topic, payload)),
            on_up=self._up,
            on_down=self._down,
            will=will,
        )

    def has_heard(self, count: int) -> bool:
        return len(self.heard) == count

    def _up(self) -> None:
        self.ups += 1

    def _down(self) -> None:
        self.downs += 1

    async def __aenter__(self) -> Self:
        await self.link.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.link.__aexit__()


def silent(broker: Broker, client_id: str, will: tuple[str, bytes] | None = None) -> Link:
    """A link that listens to nothing and tells nobody."""
    return Link(
        broker,
        client_id=client_id,
        subscribe=[],
        on_receive=lambda *_: None,
        on_up=lambda: None,
        on_down=lambda: None,
        will=will,
    )


async def until(true: Callable[[], object], seconds: float = 8.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


@pytest.fixture
async def ear(mosquitto: Mosquitto) -> AsyncIterator[Ear]:
    async with Ear(mosquitto, "ear", "manyi/1/#") as ear:
        await until(lambda: ear.link.up)
        yield ear


async def test_what_is_published_arrives(mosquitto: Mosquitto, ear: Ear) -> None:
    async with Ear(mosquitto, "mouth") as mouth:
        await until(lambda: mouth.link.up)
        for number in range(100):
            assert mouth.link.publish("manyi/1/a/ratings", b"%d" % number)
        await until(lambda: len(ear.heard) == 100)

    assert ear.heard == [("manyi/1/a/ratings", b"%d" % number) for number in range(100)]
    assert (ear.ups, ear.downs) == (1, 0)


async def test_what_the_broker_has_is_told_and_only_where_somebody_asks(mosquitto: Mosquitto, ear: Ear) -> None:
    carried: list[float] = []
    asking = Link(
        Broker("127.0.0.1", mosquitto.port),
        client_id="asking",
        subscribe=[],
        on_receive=lambda _topic, _payload: None,
        on_up=lambda: None,
        on_down=lambda: None,
        on_carried=lambda: carried.append(time.monotonic()),
    )
    async with asking:
        await until(lambda: asking.up)
        begun = time.monotonic()
        for _ in range(3):
            asking.publish("manyi/1/a/ratings", b"x")
        await until(lambda: len(carried) == 3)

    assert begun <= carried[0] <= carried[-1] <= time.monotonic()
    await until(lambda: len(ear.heard) == 3)


async def test_large_payloads_both_ways_do_not_mix(mosquitto: Mosquitto) -> None:
    def payload(number: int) -> bytes:
        return b"%03d" % number * 80_000

    async with Ear(mosquitto, "a", "to/a") as a, Ear(mosquitto, "b", "to/b") as b:
        await until(lambda: a.link.up and b.link.up)
        for number in range(40):
            a.link.publish("to/b", payload(number))
            b.link.publish("to/a", payload(number))
            await asyncio.sleep(0)
        await until(lambda: len(a.heard) == len(b.heard) == 40)

        assert [heard[1] for heard in a.heard] == [heard[1] for heard in b.heard] == [payload(n) for n in range(40)]
        assert a.downs == b.downs == 0


async def test_only_the_links_own_thread_writes(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    client = ear.link._client
    assert client is not None
    writers: set[str] = set()
    send = client._sock_send

    def spy(packet: bytes) -> int:
        writers.add(threading.current_thread().name)
        return send(packet)

    monkeypatch.setattr(client, "_sock_send", spy)
    for _ in range(50):
        ear.link.publish("manyi/1/a/ratings", b"x")
        await asyncio.sleep(0)
    await until(lambda: len(ear.heard) == 50)

    assert writers == {"mqtt ear"}


async def test_a_publish_wakes_the_thread_at_once(ear: Ear) -> None:
    await asyncio.sleep(0.05)
    began = time.monotonic()
    for number in range(20):
        ear.link.publish("manyi/1/a/ratings", b"x")
        await until(partial(ear.has_heard, number + 1))

    # One second is how long the thread sleeps when nobody wakes it: twenty times, if it were so.
    assert time.monotonic() - began < 10


async def test_no_segment_waits_for_the_acknowledgement_of_the_one_before(ear: Ear) -> None:
    client = ear.link._client
    assert client is not None
    wire = client.socket()
    assert isinstance(wire, socket.socket)
    assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_nobody_waits_at_the_bell_and_no_child_inherits_it(ear: Ear) -> None:
    assert not os.get_blocking(ear.link._bell)
    assert not os.get_inheritable(ear.link._bell)


async def test_a_thread_with_nothing_to_do_sleeps(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    client = ear.link._client
    assert client is not None
    rounds: list[bool] = []
    wanted = client.want_write

    def counted() -> bool:
        rounds.append(wanted())
        return rounds[-1]

    monkeypatch.setattr(client, "want_write", counted)
    await asyncio.sleep(0.3)

    # Awake all the time it would go round some thousand times, with a core of a Pi to itself.
    assert len(rounds) < 50


async def test_it_comes_back_after_the_broker_was_killed(mosquitto: Mosquitto, ear: Ear) -> None:
    mosquitto.kill()
    await until(lambda: ear.downs == 1)
    assert not ear.link.up
    assert not ear.link.publish("manyi/1/a/ratings", b"lost")

    await mosquitto.restart()
    await until(lambda: ear.ups == 2)
    assert ear.link.publish("manyi/1/a/ratings", b"found")
    await until(lambda: ear.heard)

    assert ear.heard == [("manyi/1/a/ratings", b"found")]
    assert ear.downs == 1


async def test_a_broker_that_is_not_there_yet(mosquitto: Mosquitto) -> None:
    mosquitto.kill()
    async with Ear(mosquitto, "early") as early:
        await asyncio.sleep(0.1)
        assert (early.ups, early.downs) == (0, 0)
        await mosquitto.restart()
        await until(lambda: early.ups == 1)


async def test_the_will_speaks_for_the_dead_and_not_for_who_left(mosquitto: Mosquitto, ear: Ear) -> None:
    will = ("manyi/1/a/status", b"down")
    async with Ear(mosquitto, "a", will=will) as orderly:
        await until(lambda: orderly.link.up)
        orderly.link.publish("manyi/1/a/status", b"goodbye", retain=True)
    await until(lambda: ear.heard)
    await asyncio.sleep(0.1)
    assert ear.heard == [("manyi/1/a/status", b"goodbye")]

    async with Ear(mosquitto, "a", will=will) as dead:
        await until(lambda: dead.link.up)
        client = dead.link._client
        assert client is not None
        wire = client.socket()
        assert isinstance(wire, socket.socket)
        wire.shutdown(socket.SHUT_RDWR)
        await until(lambda: len(ear.heard) == 2)
    assert ear.heard[1] == ("manyi/1/a/status", b"down")


async def test_retained_is_there_for_who_comes_later(mosquitto: Mosquitto) -> None:
    async with Ear(mosquitto, "mouth") as mouth:
        await until(lambda: mouth.link.up)
        mouth.link.publish("manyi/1/a/config", b"kept", retain=True)
        mouth.link.publish("manyi/1/a/ratings", b"gone")
    async with Ear(mosquitto, "late", "manyi/1/#") as late:
        await until(lambda: late.heard)

    assert late.heard == [("manyi/1/a/config", b"kept")]


async def test_subscribing_later_and_again_after_a_reconnect(mosquitto: Mosquitto) -> None:
    async with Ear(mosquitto, "late", "one") as late:
        await until(lambda: late.link.up)
        late.link.subscribe(["two", "one"])
        late.link.subscribe(["two"])
        await asyncio.sleep(0.05)
        late.link.publish("two", b"1")
        await until(lambda: late.heard)

        await mosquitto.restart()
        await until(lambda: late.ups == 2)
        late.link.publish("one", b"2")
        late.link.publish("two", b"3")
        await until(lambda: len(late.heard) == 3)

    assert late.heard == [("two", b"1"), ("one", b"2"), ("two", b"3")]


async def test_who_asks_for_what_is_delivered_already_is_told_so(mosquitto: Mosquitto) -> None:
    granted = asyncio.Event()
    async with Ear(mosquitto, "again", "one") as again:
        await until(lambda: again.link.up)
        again.link.subscribe(["one"], granted.set)
        assert not granted.is_set()
        await until(granted.is_set)


async def test_subscribing_while_the_connection_is_being_made(mosquitto: Mosquitto) -> None:
    async with Ear(mosquitto, "hasty", "one") as hasty:
        # The thread has sent its subscriptions, and the loop has not heard yet that they were granted.
        time.sleep(0.2)  # noqa: ASYNC251
        hasty.link.subscribe(["two"])
        await until(lambda: hasty.link.up)
        await asyncio.sleep(0.05)
        hasty.link.publish("two", b"1")
        await until(lambda: hasty.heard)


class Held:
    """Holds up the loop until the link's own thread has come so far; what it told the loop waits meanwhile."""

    def __init__(self, link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
        self._link = link
        self._told = threading.Event()
        call = link._call

        def told(callback: Callable[..., None], *arguments: object) -> None:
            call(callback, *arguments)
            self._told.set()

        monkeypatch.setattr(link, "_call", told)

    def until_told(self) -> None:
        assert self._told.wait(10)
        self._told.clear()

    def until_cut(self, mosquitto: Mosquitto) -> None:
        """The broker dies, and the thread has noticed."""
        mosquitto.kill()
        self.until_told()


async def test_until_it_is_up_nothing_leaves_and_nothing_is_granted(
    mosquitto: Mosquitto, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    granted: list[str] = []
    hasty = Ear(mosquitto, "hasty", "one")
    held = Held(hasty.link, monkeypatch)
    async with hasty:
        held.until_told()
        assert not hasty.link.publish("manyi/1/a/ratings", b"early")
        hasty.link.subscribe(["two"], lambda: granted.append("two"))
        await until(lambda: hasty.link.up)
        hasty.link.publish("manyi/1/a/ratings", b"late")
        hasty.link.publish("two", b"1")
        await until(lambda: hasty.heard and ear.heard)
    assert (ear.heard, granted) == ([("manyi/1/a/ratings", b"late")], [])


async def test_the_broker_is_not_told_of_topics_that_nobody_listened_to(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An UNSUBSCRIBE without a topic breaks the protocol, and may cost the connection."""
    client = ear.link._client
    assert client is not None
    told: list[object] = []
    monkeypatch.setattr(client, "unsubscribe", told.append)
    ear.link.unsubscribe(["never"])
    ear.link.unsubscribe([])
    assert told == []
    ear.link.unsubscribe(["never", "manyi/1/#"])
    assert told == [["manyi/1/#"]]


async def test_a_topic_asked_for_as_the_connection_breaks_comes_with_the_next(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    granted: list[str] = []
    async with Ear(mosquitto, "late", "one", "three") as late:
        await until(lambda: late.link.up)
        Held(late.link, monkeypatch).until_cut(mosquitto)
        assert late.link.up
        late.link.subscribe(["two"], lambda: granted.append("two"))
        late.link.unsubscribe(["one"])
        await until(lambda: late.downs)
        late.link.unsubscribe(["three"])

        await mosquitto.restart()
        await until(lambda: late.ups == 2)
        for topic in ("one", "three", "two"):
            late.link.publish(topic, b"1")
        await until(lambda: late.heard)
    assert (late.heard, granted) == ([("two", b"1")], [])


async def test_a_connection_that_broke_before_it_was_told_of_is_none(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    brief = Ear(mosquitto, "brief", "one")
    brief.link._backoff = Backoff(lambda *_: 0.05)
    held = Held(brief.link, monkeypatch)
    async with brief:
        held.until_told()
        held.until_cut(mosquitto)
        # The next try has begun, and found nobody: what the first told is of a connection that is no more.
        held.until_told()
        await asyncio.sleep(0)
        assert (brief.link.up, brief.ups, brief.downs) == (False, 0, 0)
        await mosquitto.restart()
        await until(lambda: brief.link.up)
        assert (brief.ups, brief.downs) == (1, 0)


async def test_wants_that_change_as_the_connection_breaks_are_those_of_the_next(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = Ear(mosquitto, "hasty", "one")
    # Long: the broken connection is still the present one when the loop hears that its topics were granted.
    hasty.link._backoff = Backoff(lambda *_: 2.0)
    held = Held(hasty.link, monkeypatch)
    async with hasty:
        held.until_told()
        held.until_cut(mosquitto)
        hasty.link.subscribe(["two"])
        await asyncio.sleep(0)
        assert (hasty.link.up, hasty.ups) == (False, 0)
        await mosquitto.restart()
        await until(lambda: hasty.link.up)
        hasty.link.publish("two", b"1")
        await until(lambda: hasty.heard)


async def test_who_unsubscribes_while_the_connection_is_being_made_hears_nothing(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = Ear(mosquitto, "hasty", "one", "two")
    held = Held(hasty.link, monkeypatch)
    async with hasty:
        held.until_told()
        assert not hasty.link.up
        hasty.link.unsubscribe(["one"])
        await until(lambda: hasty.link.up)
        for topic in ("one", "two"):
            hasty.link.publish(topic, b"1")
        await until(lambda: hasty.heard)
    assert hasty.heard == [("two", b"1")]


async def test_who_unsubscribed_hears_no_more_also_after_a_reconnect(mosquitto: Mosquitto, ear: Ear) -> None:
    granted = asyncio.Event()
    async with Ear(mosquitto, "changing", "manyi/1/a/acks") as changing:
        await until(lambda: changing.link.up)
        changing.link.subscribe(["manyi/1/b/acks"], granted.set)
        async with asyncio.timeout(5):
            await granted.wait()
        changing.link.unsubscribe(["manyi/1/a/acks", "manyi/1/never/acks"])
        # By the same connection: what is heard of it comes after the broker has taken the word before.
        changing.link.publish("manyi/1/b/acks", b"done")
        await until(lambda: changing.has_heard(1))
        ear.link.publish("manyi/1/a/acks", b"a")
        ear.link.publish("manyi/1/b/acks", b"b")
        await until(lambda: changing.has_heard(2))
        mosquitto.kill()
        await until(lambda: changing.downs and ear.downs)
        await mosquitto.start()
        await until(lambda: changing.link.up and ear.link.up)
        ear.link.publish("manyi/1/a/acks", b"a again")
        ear.link.publish("manyi/1/b/acks", b"b again")
        await until(lambda: changing.has_heard(3))
    assert changing.heard == [("manyi/1/b/acks", said) for said in (b"done", b"b", b"b again")]


async def test_who_loses_one_node_of_a_cluster_goes_to_another(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with Mosquitto(tmp_path / "other") as other:
        ups = asyncio.Queue[None]()
        broker = Broker("127.0.0.1", mosquitto.port, also=(f"127.0.0.1:{other.port}",))
        link = Link(
            broker,
            client_id="a",
            subscribe=["manyi/1/a/acks"],
            on_receive=lambda _topic, _payload: None,
            on_up=lambda: ups.put_nowait(None),
            on_down=lambda: None,
        )
        # Its connections are short here, so the waits would grow beyond any test's patience.
        link._backoff = Backoff(lambda _lo, hi: hi / 4, last_s=1.0)
        async with link:
            for node in (mosquitto, other, mosquitto):
                await asyncio.wait_for(ups.get(), 15)
                # Whichever it is at: the one that dies is the only one that runs in the end.
                node.kill()
                await (other if node is mosquitto else mosquitto).restart()
            await asyncio.wait_for(ups.get(), 15)


async def test_all_nodes_of_a_cluster_are_tried_before_it_waits_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transport.link.random.uniform", lambda _lo, hi: hi)
    link = silent(Broker("a", also=("b:1883", "c:1883")), "a")
    assert [link._backoff.next_s() for _ in range(7)] == [1, 1, 1, 2, 2, 2, 4]


async def test_stop_is_quick_and_takes_no_last_word(mosquitto: Mosquitto) -> None:
    ear = Ear(mosquitto, "brief")
    await ear.link.__aenter__()
    await until(lambda: ear.link.up)
    began = time.monotonic()
    await ear.link.__aexit__()

    assert time.monotonic() - began < link_module.STOP_S
    assert not ear.link.publish("one", b"late")
    assert not ear.link._thread.is_alive()
    assert ear.downs == 0


async def test_stop_before_the_connection_stands(mosquitto: Mosquitto) -> None:
    for pause in (0.0, 0.001, 0.005, 0.02):
        ear = Ear(mosquitto, "never")
        await ear.link.__aenter__()
        await asyncio.sleep(pause)
        await ear.link.__aexit__()
        assert not ear.link._thread.is_alive()


async def test_who_is_there_or_is_leaving_does_not_come_up(mosquitto: Mosquitto) -> None:
    ear = Ear(mosquitto, "leaving")
    ear.link._client = client = ear.link._new_client()
    ear.link._stopping.set()
    ear.link._came_up(client, [])
    assert (ear.link.up, ear.ups) == (False, 0)
    ear.link._stopping.clear()
    ear.link._came_up(ear.link._new_client(), [])
    assert (ear.link.up, ear.ups) == (False, 0)
    for _ in range(2):
        ear.link._came_up(client, [])
    assert (ear.link.up, ear.ups) == (True, 1)


async def test_a_password_is_the_text_of_its_file(mosquitto: Mosquitto, tmp_path: Path) -> None:
    ear = Ear(mosquitto, "named")
    assert ear.link._password() is None
    (tmp_path / "password").write_text(" 满意 secret \n", encoding="utf-8")
    ear.link._broker = Broker("127.0.0.1", mosquitto.port, username="a1", password_file=str(tmp_path / "password"))
    assert ear.link._password() == "满意 secret"
    client = ear.link._new_client()
    assert (client.username, client.password) == ("a1", "满意 secret")


async def test_stop_while_it_waits_to_try_again(free_port: Callable[[], int], mosquitto: Mosquitto) -> None:
    link = silent(Broker("127.0.0.1", free_port()), "nobody")
    async with link:
        await asyncio.sleep(0.05)
        began = time.monotonic()
    assert time.monotonic() - began < link_module.CONNECT_TIMEOUT_S
    assert not link._thread.is_alive()


async def test_where_nobody_answers_is_said(free_port: Callable[[], int], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "transport.link")
    port = free_port()
    link = silent(Broker("127.0.0.1", port), "nobody")
    async with link:
        await until(lambda: caplog.records)
    assert {line.getMessage() for line in caplog.records if line.name == "transport.link"} == {
        f"nobody: broker 127.0.0.1:{port}: [Errno {errno.ECONNREFUSED}] Connection refused"
    }


async def test_a_stop_does_not_wait_for_a_host_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "STOP_S", -0.45)
    monkeypatch.setattr(link_module, "CONNECT_TIMEOUT_S", 1.0)
    with socket.socket() as deaf, socket.socket() as first:
        # One connection waits to be accepted: the kernel lets the next one knock, and never answers.
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        first.connect(deaf.getsockname())
        link = silent(Broker("127.0.0.1", deaf.getsockname()[1]), "a")
        async with link:
            pass
        # It still knocks, so the bell is its own yet; but the process may end.
        assert link._thread.is_alive()
        assert link._thread.daemon
        link._ring()
        await asyncio.to_thread(link._thread.join, 10)
    assert not link._thread.is_alive()
    os.close(link._bell)


async def test_a_frozen_broker_is_noticed_and_cannot_hold_up_a_stop(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "KEEPALIVE_S", 1)
    monkeypatch.setattr(link_module, "STOP_S", 0.2)
    leaving = Ear(mosquitto, "leaving")
    async with Ear(mosquitto, "patient") as patient:
        await leaving.link.__aenter__()
        await until(lambda: patient.link.up and leaving.link.up)
        os.kill(mosquitto.pid, signal.SIGSTOP)
        try:
            for _ in range(40):
                leaving.link.publish("one", bytes(250_000))
            began = time.monotonic()
            await leaving.link.__aexit__()
            assert time.monotonic() - began < link_module.CONNECT_TIMEOUT_S
            assert not leaving.link._thread.is_alive()

            await until(lambda: patient.downs == 1, 6.0)
        finally:
            os.kill(mosquitto.pid, signal.SIGCONT)
        await until(lambda: patient.ups == 2, 10.0)


async def test_two_under_one_name_throw_each_other_out_ever_more_slowly(mosquitto: Mosquitto) -> None:
    clones = [Ear(mosquitto, "clone"), Ear(mosquitto, "clone")]
    for clone in clones:
        clone.link._backoff = Backoff(lambda _lo, hi: hi / 4)
    async with clones[0], clones[1]:
        await asyncio.sleep(3.0)
        thrown_out = sum(clone.downs for clone in clones)

    # At 0.25, 0.5, 1.0, 1.5 and 2.5 s; with a delay that began small after each success every 0.25 s, for ever.
    assert 1 <= thrown_out <= 8


async def test_a_wrong_password_file_does_not_end_the_link(mosquitto: Mosquitto, tmp_path: Path) -> None:
    password = tmp_path / "password"
    ear = Ear(mosquitto, "named")
    ear.link._broker = Broker("127.0.0.1", mosquitto.port, username="a1", password_file=str(password))
    async with ear:
        await asyncio.sleep(0.05)
        assert ear.link._thread.is_alive()
        password.write_bytes(b"\xff\xfe not text")
        await asyncio.sleep(1.1)
        assert ear.link._thread.is_alive()
        password.write_text("secret\n")
        await until(lambda: ear.link.up)


async def test_a_name_needs_no_password(mosquitto: Mosquitto) -> None:
    ear = Ear(mosquitto, "named")
    ear.link._broker = Broker("127.0.0.1", mosquitto.port, username="a1")
    async with ear:
        await until(lambda: ear.link.up)


async def test_a_library_that_stumbles_gets_a_new_connection_and_is_heard(
    mosquitto: Mosquitto, ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd:
        @property
        def topic(self) -> str:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    client = ear.link._client
    assert client is not None
    arrived = client.on_message
    assert arrived is not None
    client.on_message = lambda c, u, _message: arrived(c, u, Odd())  # type: ignore[arg-type]
    ear.link.publish("manyi/1/a/ratings", b"1")

    await until(lambda: ear.ups == 2)
    assert ear.downs == 1
    assert any(record.name == "paho" and "on_message" in record.getMessage() for record in caplog.records)
    assert [record.getMessage() for record in caplog.records if record.name == "transport.link"] == [
        f"ear: connection to 127.0.0.1:{mosquitto.port}"
    ]


class Porter:
    """A broker in a few bytes: keeps what each connection sent, and answers the first of it with `answer`."""

    def __init__(self, port: int, answer: bytes) -> None:
        self.port, self._answer = port, answer
        self.heard: list[bytearray] = []
        self._guests: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._receive, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        # Those that leave just now: their sockets are closed when they have been seen to go.
        await until(lambda: not self._guests)

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._guests.append(writer)
        heard = bytearray()
        while read := await reader.read(1000):
            if not heard:
                self.heard.append(heard)
                writer.write(self._answer)
            heard += read
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self._guests.remove(writer)

    def link(self, will: tuple[str, bytes] | None = None) -> Link:
        """One that stays with this broker, and is not patient."""
        link = silent(Broker("127.0.0.1", self.port), "a", will)
        link._backoff = Backoff(lambda *_: 0.01)
        return link


async def test_what_a_broker_is_told_of_a_connection(free_port: Callable[[], int]) -> None:
    async with Porter(free_port(), b"") as porter, porter.link(will=("status", b"down")):
        await until(lambda: porter.heard)
    # A clean session; a will of QoS 1 that is retained.
    flags = 0x02 | 0x04 | 1 << 3 | 0x20
    keepalive = link_module.KEEPALIVE_S.to_bytes(2, "big")
    told = b"\0\4MQTT\4%c%b\0\1a\0\6status\0\4down" % (flags, keepalive)
    assert porter.heard[0].startswith(b"\x10%c%b" % (len(told), told))


async def test_a_broker_that_refuses_the_protocol_is_not_offered_an_older_one(free_port: Callable[[], int]) -> None:
    unacceptable_version = b"\x20\x02\x00\x01"
    async with Porter(free_port(), unacceptable_version) as porter, porter.link():
        await until(lambda: len(porter.heard) > 2)
    assert {bytes(heard[2:9]) for heard in porter.heard} == {b"\0\4MQTT\4"}


async def test_what_the_broker_has_not_taken_yet_holds_up_nothing_behind_it(free_port: Callable[[], int]) -> None:
    welcome = b"\x20\x02\x00\x00"
    async with Porter(free_port(), welcome) as porter, porter.link() as link:
        await until(lambda: link.up)
        for payload in (b"first", b"second", b"third"):
            assert link.publish("one", payload)
        await until(lambda: all(payload in porter.heard[0] for payload in (b"first", b"second", b"third")))


async def test_a_broker_that_refuses_the_connection_is_asked_again(
    free_port: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    refused = asyncio.Event()

    async def porter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"\x20\x02\x00\x05")  # CONNACK, not authorised
        await writer.drain()
        await reader.read(100)
        writer.close()
        refused.set()

    ups: list[str] = []
    port = free_port()
    server = await asyncio.start_server(porter, "127.0.0.1", port)
    link = Link(
        Broker("127.0.0.1", port),
        client_id="stranger",
        subscribe=["one"],
        on_receive=lambda *_: None,
        on_up=lambda: ups.append("up"),
        on_down=lambda: None,
    )
    async with server, link:
        async with asyncio.timeout(5):
            await refused.wait()
            refused.clear()
            await refused.wait()
    assert ups == []
    assert {line.getMessage() for line in caplog.records if line.levelname == "WARNING"} == {
        "stranger: broker 127.0.0.1 refused: Not authorized"
    }


async def test_a_refused_subscription_is_said_and_asked_for_again(
    free_port: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    """As of a NATS cluster that has lost its leader: it answers, and cannot subscribe anybody for some seconds."""
    answers = iter([b"\x80", b"\x80", b"\x01"])
    asked = 0

    async def porter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.read(100)
        writer.write(b"\x20\x02\x00\x00")
        subscribe = await reader.read(100)
        asked += 1
        writer.write(b"\x90\x03" + subscribe[2:4] + next(answers))
        await reader.read(100)
        writer.close()

    ups: list[int] = []
    port = free_port()
    server = await asyncio.start_server(porter, "127.0.0.1", port)
    link = Link(
        Broker("127.0.0.1", port),
        client_id="stranger",
        subscribe=["one"],
        on_receive=lambda *_: None,
        on_up=lambda: ups.append(asked),
        on_down=lambda: None,
    )
    link._backoff = Backoff(lambda *_: 0.0)
    async with server, link:
        await until(lambda: ups)
    assert ups == [3]
    said = [line.getMessage() for line in caplog.records if line.levelname == "WARNING"]
    assert said == ["stranger: broker 127.0.0.1 refuses a subscription to ['one']"] * 2


def test_a_loop_that_is_gone_ends_the_thread(mosquitto_port: int) -> None:
    link = silent(Broker("127.0.0.1", mosquitto_port), "orphan")

    async def begin() -> None:
        await link.__aenter__()

    asyncio.run(begin())
    link._thread.join(3.0)
    assert not link._thread.is_alive()


@pytest.fixture
def mosquitto_port(free_port: Callable[[], int]) -> int:
    """A port where nobody answers: the thread has something to tell at once."""
    return free_port()


@pytest.mark.parametrize("text", ['host = ""', 'host = "a"\nport = 0', 'host = "a"\nport = 65536'])
def test_an_address_that_cannot_be_one(text: str) -> None:
    with pytest.raises(SettingsError):
        parse(text, Broker, file="edge.toml")
    assert msgspec.convert({"host": "a"}, Broker).port == 1883
