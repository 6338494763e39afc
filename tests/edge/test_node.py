"""A node's supervisor on mock pins, without a broker: full disks, void configurations, and a clean end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gpiozero.pins.mock import MockFactory

from contract.codec import encode
from contract.config import NodeConfig, WindowPins
from contract.errors import SettingsError, StoreFull
from contract.signing import Signer
from edge import node as node_module
from edge.node import Node
from edge.pins import Factory, Pins, factory
from edge.settings import Settings, Timing
from transport.broker import Broker
from transport.disk import Disk
from transport.outbox import Outbox
from transport.shelf import Shelf

A1 = "371721121-a1"
CITY, KEY = Signer(b"9" * 32), Signer(b"1" * 32)


def settings(folder: Path) -> Settings:
    return Settings(
        node=A1,
        store=str(folder / "outbox.db"),
        key="a1.key",
        city_key=CITY.public,
        broker=Broker("127.0.0.1", 9),
        window=[WindowPins("01", 2, 3, 4, 5, 6, 7)],
        pins="mock",
        timing=Timing(settle_s=0, cooldown_s=0),
        heartbeat_s=0.05,
    )


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Node, MockFactory]]:
    pins = MockFactory()
    node = Node(settings(folder), factory=pins, signer=KEY)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(node.run(), name="node")
        await node.ready.wait()
        yield node, pins
        node.stop()


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


def config(version: int, window: str = "77", *, signer: Signer = CITY) -> bytes:
    return signer.entry(encode(NodeConfig(A1, version, [WindowPins(window, 2, 3, 4, 5, 6, 7)], 0, 0)))


async def test_a_press_lights_and_is_on_disk_though_nobody_is_there(tmp_path: Path) -> None:
    async with running(tmp_path) as (node, pins):
        pins.pin(2).drive_low()
        await until(lambda: pins.pin(5).state)
        assert (node._outbox.last, node._outbox.undated) == (1, 1)


async def test_the_ninth_of_nine_windows_is_on_an_expander_and_takes_a_press(tmp_path: Path) -> None:
    windows = [WindowPins(f"{number:02d}", *range(3 * number + 1, 3 * number + 4)) for number in range(1, 9)]
    windows.append(WindowPins("09", 100, 101, 102, 103, 104, 105))
    pins: Any = factory("mock")
    node = Node(msgspec.structs.replace(settings(tmp_path), window=windows), factory=pins, signer=KEY)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(node.run(), name="node")
        await node.ready.wait()
        pins.pin(101).drive_low()
        await until(lambda: pins.pin(104).state)
        assert node._outbox.last == 1
        assert not any(pins.pin(pin).state for pin in (103, 105))
        assert (await node._status()).windows == [f"{number:02d}" for number in range(1, 10)]
        node.stop()


def lonely() -> Pins:
    """The lines of a header, and no expander that answers."""

    def none(_: int) -> Factory:
        raise LookupError("nobody there")

    return Pins(MockFactory(), none)


async def test_a_node_whose_expander_does_not_answer_ends_with_that_error_alone(tmp_path: Path) -> None:
    expanded = msgspec.structs.replace(
        settings(tmp_path), window=[WindowPins("01", 4, 5, 6), WindowPins("09", 7, 8, 100)]
    )
    node = Node(expanded, factory=lonely(), signer=KEY)
    with pytest.raises(SettingsError, match=r"expander 1 .* does not answer: nobody there"):
        await node.run()
    assert not node.ready.is_set()
    async with running(tmp_path):  # its outbox was closed
        pass


async def test_a_configuration_with_an_expander_that_does_not_answer_is_not_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Taken, it would end the node now and at every start, and no better one could reach it."""
    pins = lonely()
    node = Node(settings(tmp_path), factory=pins, signer=KEY)
    unreachable = CITY.entry(encode(NodeConfig(A1, 3, [WindowPins("77", 4, 5, 6, buzzer=200)], 0, 0)))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(node.run(), name="node")
        await node.ready.wait()
        node._uplink._arrived(f"manyi/1/{A1}/config", unreachable)
        assert "a configuration was not taken: pins: expander 2 (I2C address 0x21) does not answer" in caplog.text
        assert (node._uplink.config_version(), (await node._status()).config) == (0, 0)
        assert not node._reconfigured.is_set()
        # One that it can serve by is taken afterwards, whatever its number.
        node._uplink._arrived(f"manyi/1/{A1}/config", config(2))
        await until(lambda: [window.id for window in node._settings.window] == ["77"])
        assert node._uplink.config_version() == 2
        node.stop()


async def test_a_configuration_is_in_force_though_the_disk_cannot_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def full(*_: object) -> None:
        raise StoreFull("no room")

    async with running(tmp_path) as (node, _):
        monkeypatch.setattr(Outbox, "keep", full)
        node._uplink._arrived(f"manyi/1/{A1}/config", config(3))
        await until(lambda: [window.id for window in node._settings.window] == ["77"])
        assert (await node._status()).config == 3
    assert "no room" in caplog.text
    async with running(tmp_path) as (node, _):
        assert [window.id for window in node._settings.window] == ["01"]


async def test_a_void_configuration_on_disk_does_not_stop_the_node(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for void in (b"rubbish", config(3, signer=Signer(b"6" * 32))):
        shelf = await Shelf.open(tmp_path / "outbox.db")
        await shelf.keep({"config": void})
        await shelf.close()
        async with running(tmp_path) as (node, _):
            assert [window.id for window in node._settings.window] == ["01"]
    assert caplog.text.count("is void") == 2


async def test_who_is_turned_away_is_told_to_the_gateway_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at the next look, ten seconds later; and whatever room the disk says it has."""
    slow = msgspec.structs.replace(settings(tmp_path), heartbeat_s=3600.0)
    monkeypatch.setattr(node_module, "LOOK_S", 3600.0)
    pins = MockFactory()
    node = Node(slow, factory=pins, signer=KEY)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(node.run(), name="node")
        await node.ready.wait()
        reported: list[bool] = []
        monkeypatch.setattr(node._uplink, "report", lambda status: reported.append(status.full))

        def read_only(*_: object) -> None:
            monkeypatch.setattr(Disk, "full", property(lambda _: True))
            raise StoreFull("attempt to write a readonly database")

        monkeypatch.setattr(node._outbox.disk, "require_room", read_only)
        pins.pin(2).drive_low()
        await until(lambda: reported and reported[-1])
        node.stop()


async def test_a_disk_that_cannot_be_read_for_a_while_puts_off_what_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(node_module, "LOOK_S", 0.02)
    reported: list[bool] = []
    async with running(tmp_path) as (node, _):
        oldest, tries = node._uplink.sender.oldest, 0

        async def unreadable() -> int | None:
            nonlocal tries
            tries += 1
            if tries <= 2:
                raise StoreFull("disk I/O error")
            return await oldest()

        monkeypatch.setattr(node._uplink.sender, "oldest", unreadable)
        monkeypatch.setattr(node._uplink, "report", lambda _: reported.append(tries > 2))
        await until(lambda: reported)
    assert all(reported)
    assert "disk I/O error" in caplog.text


async def test_a_full_disk_does_not_stop_the_heartbeat_and_is_pruned_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(node_module, "LOOK_S", 0.02)
    asked: list[int | None] = []

    async def full(*_: object) -> None:
        raise StoreFull("no room at all")

    async def make_room(_: Shelf, now: int | None) -> None:
        asked.append(now)
        raise StoreFull("not even for that")

    async with running(tmp_path) as (node, pins):
        reported: list[bool] = []
        monkeypatch.setattr(node._uplink, "report", lambda status: reported.append(status.full))
        monkeypatch.setattr(Outbox, "lived", full)
        monkeypatch.setattr(Shelf, "make_room", make_room)
        monkeypatch.setattr(Disk, "free", lambda _: 0)
        await until(lambda: len(asked) > 1 and "no room at all" in caplog.text)
        assert (await node._status()).full

        # Full means loud: no light of thanks, all three blink.
        pins.pin(2).drive_low()
        await until(lambda: node._panel.refused == 1)
        assert node._outbox.last == 0

        # And over by itself.
        monkeypatch.setattr(Disk, "free", lambda _: 1)
        pins.pin(3).drive_low()
        await until(lambda: node._outbox.last == 1 and True in reported and not reported[-1])
    assert "not even for that" in caplog.text
