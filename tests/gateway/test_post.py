"""The gateway's supervisor: papers on disk, a full disk, a shared broker; without any broker to talk to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contract.codec import encode
from contract.config import NodeConfig, Roster, RosterNode, WindowPins
from contract.errors import StoreFull
from contract.hello import Hello
from contract.ranges import Ranges
from contract.signing import Signer
from gateway import post
from gateway.post import Gateway
from gateway.settings import Settings
from transport.broker import Broker
from transport.disk import Disk
from transport.shelf import Shelf

TOWNSHIP, A1, A2 = "371721121", "371721121-a1", "371721121-a2"
CITY, GATEWAY, NODE = Signer(b"9" * 32), Signer(b"3" * 32), Signer(b"1" * 32)
NOWHERE = Broker("127.0.0.1", 9)


def settings(folder: Path, *, shared: bool = False) -> Settings:
    return Settings(
        township=TOWNSHIP,
        store=str(folder / "journal.db"),
        key="g0.key",
        city_key=CITY.public,
        node_broker=NOWHERE,
        city_broker=NOWHERE,
        roster=[RosterNode(A1, NODE.public)],
        shared_broker=shared,
    )


@asynccontextmanager
async def running(folder: Path, *, shared: bool = False) -> AsyncIterator[Gateway]:
    gateway = Gateway(settings(folder, shared=shared), GATEWAY)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(gateway.run(), name="gateway")
        await gateway.ready.wait()
        yield gateway
        gateway.stop()


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


def config(version: int) -> bytes:
    return CITY.entry(encode(NodeConfig(A1, version, [WindowPins("01", 2, 3, 4)], 0, 0)))


def listened(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The topics of what the gateway publishes to its nodes from now on."""
    passed: list[str] = []

    def publish(topic: str, payload: bytes, *, retain: bool = False) -> bool:
        assert payload
        assert retain == topic.endswith("/config")
        passed.append(topic)
        return True

    monkeypatch.setattr(gateway._reception._link, "publish", publish)
    return passed


async def test_papers_survive_and_void_ones_are_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path) as gateway:
        for version in (1, 2):
            gateway._configured(gateway._papers.read(config(version)).papers)
        await until(lambda: not gateway._news)
        await gateway._journal.keep({"roster": Signer(b"6" * 32).entry(encode(Roster(TOWNSHIP, 9, [])))})
        await asyncio.sleep(0.05)

    async with running(tmp_path) as gateway:
        assert gateway._papers.configs == {A1: config(2)}
        assert gateway._papers.nodes == [A1]
    assert "the paper kept as 'roster' is void" in caplog.text


async def test_a_full_disk_is_waited_out_and_the_newest_paper_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(post, "LOOK_S", 0.02)
    async with running(tmp_path) as gateway:
        keep, tries = gateway._journal.keep, 0

        async def full(papers: Mapping[str, bytes]) -> None:
            nonlocal tries
            tries += 1
            await asyncio.sleep(0.01)
            if tries <= 2:
                raise StoreFull("no room")
            await keep(papers)

        monkeypatch.setattr(gateway._journal, "keep", full)
        for version in (1, 2, 3):
            gateway._configured(gateway._papers.read(config(version)).papers)
            await asyncio.sleep(0.005)
        await until(lambda: tries >= 3 and not gateway._news)
        await asyncio.sleep(0.05)

        assert await gateway._journal.papers() == {f"config {A1}": config(3)}
    assert "no room" in caplog.text


async def test_a_disk_that_cannot_be_read_for_a_while_puts_off_what_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(post, "REPORT_S", 0.02)
    reported: list[bool] = []
    async with running(tmp_path) as gateway:
        oldest, tries = gateway._forwarder.sender.oldest, 0

        async def unreadable() -> int | None:
            nonlocal tries
            tries += 1
            gateway._report_due.set()
            if tries <= 2:
                raise StoreFull("disk I/O error")
            return await oldest()

        monkeypatch.setattr(gateway._forwarder.sender, "oldest", unreadable)
        monkeypatch.setattr(gateway._forwarder, "report", lambda _: reported.append(tries > 2))
        gateway._report_due.set()
        await until(lambda: reported)
    assert reported[0]
    assert "disk I/O error" in caplog.text


async def test_a_full_disk_is_pruned_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(post, "LOOK_S", 0.02)
    asked: list[int | None] = []

    async def make_room(_: Shelf, now: int | None) -> None:
        asked.append(now)
        raise StoreFull("not even for that")

    monkeypatch.setattr(Shelf, "make_room", make_room)
    async with running(tmp_path):
        await asyncio.sleep(0.2)
        assert asked == [None]
        monkeypatch.setattr(Disk, "free", lambda _: 0)
        await until(lambda: len(asked) > 2)
    assert "not even for that" in caplog.text


async def test_on_a_shared_broker_it_listens_to_its_own_roster_only(tmp_path: Path) -> None:
    async with running(tmp_path, shared=True) as gateway:
        link = gateway._reception._link
        assert [topic for topic, _ in link._subscribe] == [f"manyi/1/{A1}/ratings", f"manyi/1/{A1}/status"]
        roster = Roster(TOWNSHIP, 1, [RosterNode(f"{TOWNSHIP}-b2", NODE.public)])
        gateway._configured(gateway._papers.read(CITY.entry(encode(roster))).papers)
        assert f"manyi/1/{TOWNSHIP}-b2/ratings" in [topic for topic, _ in link._subscribe]


async def test_the_news_alone_is_passed_on_and_at_a_new_connection_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as gateway:
        passed = listened(gateway, monkeypatch)
        for node in (A1, A2):
            paper = CITY.entry(encode(NodeConfig(node, 1, [], 0, 0)))
            gateway._configured(gateway._papers.read(paper).papers)
        invited, configs = f"manyi/1/{A1}/acks", [f"manyi/1/{node}/config" for node in (A1, A2)]
        assert passed == [invited, *configs]

        gateway._reception._up()
        assert passed[3:] == [invited, *configs]


async def test_when_the_time_became_known_those_here_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as gateway:
        passed = listened(gateway, monkeypatch)
        roster = Roster(TOWNSHIP, 1, [RosterNode(node, NODE.public) for node in (A1, A2)])
        gateway._configured(gateway._papers.read(CITY.entry(encode(roster))).papers)
        invitations = [f"manyi/1/{node}/acks" for node in (A1, A2)]
        assert passed == invitations

        gateway._timed()
        assert passed == invitations
        hello = Hello(1, A2, "A" * 10, 0, "n", 0, "b" * 8, 5, 5)
        gateway._reception.greeted(hello, encode(hello))
        gateway._timed()
        assert passed == [*invitations, invitations[1]]


async def test_hellos_of_the_nodes_go_to_the_city_once(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        gateway._reception._hellos = {A1: b"{}"}
        assert gateway._reception.hellos() == [b"{}"]
        assert gateway._reception.hellos() == []


async def test_a_damaged_journal_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"rubbish" * 2000)
    async with running(tmp_path) as gateway:
        assert gateway._journal.kept.get(("x", "y"), Ranges()) == Ranges()  # type: ignore[call-overload]
    assert (tmp_path / "journal.db.damaged-1").exists()
