"""What systemd hears of a service, at a socket as its own."""

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from contract.errors import SettingsError
from transport.watchdog import watched

# 60 ms until systemd would end the service: a beat each 20.
ALLOWED_US = "60000"
PATIENCE_S = 10.0


class Ear:
    """systemd's end: a socket called `name` in a file or, with "@", in the kernel alone."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{name[1:]}" if name.startswith("@") else name)
        self.socket.settimeout(0)

    def heard(self) -> list[str]:
        """Every word since the last look."""
        words = []
        while True:
            try:
                words.append(self.socket.recv(64).decode())
            except BlockingIOError:
                return words

    async def next(self) -> str:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE_S):
            return (await loop.sock_recv(self.socket, 64)).decode()


@pytest.fixture(params=["file", "abstract"])
def ear(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ear]:
    name = str(tmp_path / "notify") if request.param == "file" else f"@manyi-{secrets.token_hex(8)}"
    ear = Ear(name)
    with closing(ear.socket):
        yield ear


def ready() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


async def test_it_is_told_ready_alive_and_stopping_in_this_order(ear: Ear) -> None:
    event = asyncio.Event()
    async with watched(event, {"NOTIFY_SOCKET": ear.name, "WATCHDOG_USEC": ALLOWED_US}):
        await asyncio.sleep(0.1)
        assert ear.heard() == []
        event.set()
        assert [await ear.next() for _ in range(4)] == ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]
    assert ear.heard()[-1] == "STOPPING=1"
    await asyncio.sleep(0.1)
    assert ear.heard() == []


async def test_a_loop_that_hangs_is_silent(ear: Ear) -> None:
    async with watched(ready(), {"NOTIFY_SOCKET": ear.name, "WATCHDOG_USEC": ALLOWED_US}):
        assert [await ear.next() for _ in range(2)] == ["READY=1", "WATCHDOG=1"]
        ear.heard()
        time.sleep(0.3)  # noqa: ASYNC251  (that is what is tested)
        assert ear.heard() == []
        assert await ear.next() == "WATCHDOG=1"


@pytest.mark.parametrize(
    "more", [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": ALLOWED_US, "WATCHDOG_PID": "1"}]
)
async def test_without_a_watchdog_of_ours_there_is_no_beat(ear: Ear, more: dict[str, str]) -> None:
    async with watched(ready(), {"NOTIFY_SOCKET": ear.name, **more}):
        assert await ear.next() == "READY=1"
        await asyncio.sleep(0.1)
        assert ear.heard() == []
    assert ear.heard() == ["STOPPING=1"]


async def test_a_watchdog_that_names_this_process_is_ours(ear: Ear) -> None:
    told = {"NOTIFY_SOCKET": ear.name, "WATCHDOG_USEC": ALLOWED_US, "WATCHDOG_PID": str(os.getpid())}
    async with watched(ready(), told):
        assert [await ear.next() for _ in range(2)] == ["READY=1", "WATCHDOG=1"]


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}])
async def test_where_nobody_asked_nothing_is_done(environment: dict[str, str]) -> None:
    async with watched(ready(), {**environment, "WATCHDOG_USEC": ALLOWED_US}):
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1


async def test_a_listener_that_is_gone_or_full_ends_nothing(ear: Ear) -> None:
    async with watched(ready(), {"NOTIFY_SOCKET": ear.name, "WATCHDOG_USEC": "1000"}):
        assert await ear.next() == "READY=1"
        ear.socket.close()
        await asyncio.sleep(0.1)


async def test_an_error_of_the_body_comes_out_as_it_is(ear: Ear) -> None:
    async def serve() -> None:
        async with watched(asyncio.Event(), {"NOTIFY_SOCKET": ear.name}):
            raise SettingsError("the body's own")

    with pytest.raises(SettingsError, match=r"^the body's own$"):
        await serve()
    assert ear.heard() == ["STOPPING=1"]


async def test_a_socket_that_is_not_there_is_said(tmp_path: Path) -> None:
    nowhere = tmp_path / "nobody"
    with pytest.raises(SettingsError, match=rf"^NOTIFY_SOCKET={nowhere}: cannot be reached: No such file"):
        async with watched(ready(), {"NOTIFY_SOCKET": str(nowhere)}):
            pytest.fail("it was taken")
