"""nginx before several processes, by the file that is shipped: who fails is passed over, streams come as they go."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from firmware_sim import loopback
from firmware_sim.servers.daemon import ServerError
from firmware_sim.servers.nginx import Front, Nginx, rendered

SHIPPED = Path(__file__).parents[2] / "docker" / "nginx" / "cluster.conf"

pytestmark = pytest.mark.timeout(60)


class Upstream:
    """An API process in miniature: it says its name; its stream says one word and stays open.

    `away`: paths that it answers with 503, as the real one does while InfluxDB is gone. It may hang, or break off.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.away: set[str] = set()
        self.hangs = False
        self.breaks = False
        self.asked: list[str] = []
        self._server: asyncio.Server

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head)
        if self.breaks:
            pass
        elif self.hangs:
            await reader.read()
        elif "/api/stream" in head and "/api/stream" not in self.away:
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: " + self.name.encode() + b"\n\n"
            )
            await writer.drain()
            await reader.read()
        else:
            body = self.name.encode()
            status = 503 if head.split()[1] in self.away else 200
            writer.write(b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(body)))
            writer.write(body)
            await writer.drain()
        writer.close()


class Stage:
    """Two upstreams, the front before them, and somebody who asks it."""

    def __init__(self, upstreams: list[Upstream], front: Front, client: httpx.AsyncClient) -> None:
        self.upstreams = upstreams
        self.front = front
        self.client = client

    async def names(self, times: int, method: str = "GET") -> set[str]:
        return {(await self.client.request(method, "/api/board")).text for _ in range(times)}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        upstreams = [Upstream("first"), Upstream("second")]
        ports = [await one.start() for one in upstreams]
        for one in upstreams:
            stack.push_async_callback(one.stop)
        front = await stack.enter_async_context(Front(tmp_path / "front", SHIPPED, ports))
        client = await stack.enter_async_context(loopback.client(base_url=front.url, timeout=20))
        yield Stage(upstreams, front, client)


async def test_both_are_asked_and_are_told_who_was_asked_for(stage: Stage) -> None:
    assert await stage.names(8) == {"first", "second"}
    assert f"Host: 127.0.0.1:{stage.front.port}\r\n" in stage.upstreams[0].asked[0]


async def test_who_is_gone_is_passed_over(stage: Stage) -> None:
    await stage.upstreams[0].stop()
    assert await stage.names(8) == {"second"}


async def test_a_processs_own_503_is_its_answer_and_no_failure(stage: Stage) -> None:
    for one in stage.upstreams:
        one.away = {"/api/trends", "/api/ranking"}
    for _ in range(3):
        for path in ("/api/trends", "/api/ranking"):
            answer = await stage.client.get(path)
            assert (answer.status_code, answer.text in {"first", "second"}) == (503, True)
    assert {(await stage.client.get(path)).status_code for path in ("/", "/api/board")} == {200}
    async with stage.client.stream("GET", "/api/stream") as stream:
        assert stream.status_code == 200
    assert await stage.names(8) == {"first", "second"}


async def test_who_does_not_see_commits_is_passed_over_for_board_and_stream_alone(stage: Stage) -> None:
    """It has the fewest streams, so without that every wall would be sent to it."""
    stage.upstreams[0].away = {"/api/board", "/api/stream"}
    assert await stage.names(8) == {"second"}
    for _ in range(3):
        async with stage.client.stream("GET", "/api/stream") as stream:
            assert await anext(stream.aiter_bytes()) == b"data: second\n\n"
    assert {(await stage.client.get("/")).text for _ in range(8)} == {"first", "second"}


async def test_who_breaks_off_is_passed_over(stage: Stage) -> None:
    stage.upstreams[0].breaks = True
    assert await stage.names(8) == {"second"}


async def test_what_may_not_be_said_twice_is_not(stage: Stage) -> None:
    for one in stage.upstreams:
        one.breaks = True
    assert (await stage.client.post("/api/board")).status_code == 502
    assert sum(len(one.asked) for one in stage.upstreams) == 1


async def test_a_stream_comes_as_it_goes_and_a_silent_one_is_cut_off(stage: Stage) -> None:
    async with stage.client.stream("GET", "/api/stream") as answer:
        chunks = answer.aiter_bytes()
        assert (await anext(chunks)).startswith(b"data: ")
        with pytest.raises(httpx.RemoteProtocolError):  # nothing more for 4 s
            await anext(chunks)


async def test_a_stream_asked_of_one_that_hangs_comes_from_another(stage: Stage) -> None:
    stage.upstreams[0].hangs = True
    for _ in range(2):  # whoever's turn it is
        async with stage.client.stream("GET", "/api/stream") as answer:
            assert await anext(answer.aiter_bytes()) == b"data: second\n\n"


@pytest.mark.parametrize("path", ["/health", "/metrics"])
async def test_a_processs_own_pages_are_not_the_citys(stage: Stage, path: str) -> None:
    assert (await stage.client.get(path)).status_code == 404


async def test_what_it_cannot_read_is_one_line_with_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"^nginx at 127\.0\.0\.1:\d+: .*nonsense"):
        await Nginx(tmp_path, lambda _: "nonsense on;").start()


async def test_a_kill_takes_its_workers_and_the_port_stays(stage: Stage) -> None:
    port = stage.front.port
    stage.front.kill()
    with pytest.raises(httpx.TransportError):
        await stage.client.get("/api/board")
    await stage.front.start()
    assert stage.front.port == port
    assert await stage.names(1)


def without_addresses(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.strip().startswith(("server 127", "listen "))]


def test_only_addresses_differ_from_what_is_shipped() -> None:
    shipped = SHIPPED.read_text(encoding="utf-8")
    text = rendered(shipped, 8080, [1, 2, 3])
    assert without_addresses(text) == without_addresses(shipped)
    assert text.count("max_fails=1 fail_timeout=2s;") == 2 * 3
    assert "listen 127.0.0.1:8080;" in text


@pytest.mark.parametrize(
    "change",
    [lambda text: text.replace("listen 80;", "listen 81;"), lambda text: text.replace("server 127", "serve 127")],
)
def test_a_shipped_file_with_other_lines_is_refused(change: Callable[[str], str]) -> None:
    with pytest.raises(ValueError, match=r"docker/nginx/cluster\.conf"):
        rendered(change(SHIPPED.read_text(encoding="utf-8")), 8080, [1])
