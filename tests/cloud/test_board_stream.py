"""The stream: cadence, shared bytes, resuming, slow clients, and a clock that goes back."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from cloud.board import stream as streaming
from cloud.board.loaded import Loaded
from cloud.board.picture import Cases, Nodes
from cloud.board.rules import Board
from cloud.board.stream import GAP_S, KEPT, WAITING, Stream
from cloud.calendar import HOUR_MS, MINUTE_MS, Calendar
from cloud.cases.policy import shipped
from cloud.ledger.cells import ONE
from cloud.ledger.commit import Commit

VEIL = shipped().veil
CALENDAR = Calendar("Asia/Shanghai")
START = CALENDAR.start("2026-11-22") + 9 * HOUR_MS
WINDOW = "371721121-a1/01"


@dataclass
class City:
    """A stream over a board, with a clock in the test's hand."""

    now: int = START
    boots: int = 0
    position: int = 0
    loaded: Loaded = field(default_factory=Loaded)
    stream: Stream = field(init=False)

    def __post_init__(self) -> None:
        self.stream = Stream(self.board(), clock=lambda: self.now, load=self.load)

    def board(self) -> Board:
        self.boots += 1
        return Board(
            self.loaded,
            veil=VEIL,
            boot=f"boot-{self.boots}",
            now=self.now,
            calendar=CALENDAR,
            least=5,
            townships=["371721121"],
        )

    async def load(self) -> Board:
        return self.board()

    def rate(self) -> None:
        self.position += 1
        cells = {(WINDOW, self.now // MINUTE_MS): ONE[3]}
        self.stream.committed(Commit(self.position, self.position, self.now, cells, (), (), 0, 0))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.stream.run())
            await asyncio.sleep(0)
            yield
            self.stream.close()


def events(chunk: bytes) -> list[tuple[str, Any]]:
    """The kinds and contents of the whole events in `chunk`."""
    found = []
    for block in chunk.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        content = msgspec.json.decode(fields["data"])
        assert fields.get("id", content["id"]) == content["id"]
        found.append((fields["event"], content))
    return found


async def until(client: AsyncIterator[bytes], wanted: Callable[[str, Any], bool]) -> tuple[str, Any]:
    async with asyncio.timeout(5):
        async for chunk in client:
            for kind, content in events(chunk):
                if wanted(kind, content):
                    return kind, content
    raise AssertionError("the stream ended")


def is_diff(kind: str, content: dict[str, object]) -> bool:
    return kind == "diff" and "total" in content


async def test_a_snapshot_comes_first_and_the_first_change_at_once() -> None:
    city = City()
    async with city.running():
        client = city.stream.follow(None)
        assert events(await anext(client))[0][0] == "snapshot"
        await asyncio.sleep(2 * GAP_S)
        began = asyncio.get_running_loop().time()
        city.rate()
        _, diff = await until(client, is_diff)
        assert asyncio.get_running_loop().time() - began < GAP_S / 2
        assert diff["total"] == 1
        await client.aclose()
    assert city.stream.clients == 0


async def test_changes_are_coalesced_to_four_a_second_and_none_is_lost() -> None:
    city = City()
    seen: list[dict[str, Any]] = []
    async with city.running():
        client = city.stream.follow(None)
        await anext(client)

        async def listen() -> None:
            async for chunk in client:
                seen.extend(content for kind, content in events(chunk) if is_diff(kind, content))

        listening = asyncio.ensure_future(listen())
        begin = time.monotonic()
        for _ in range(100):
            city.rate()
            await asyncio.sleep(0.01)
        await asyncio.sleep(2 * GAP_S)
        # A second and a half, and more where the machine has other things to do.
        lasted = time.monotonic() - begin
        city.stream.close()
        await listening
    assert seen[-1]["total"] == 100
    assert 3 <= len(seen) <= 1 + 4 * lasted


async def test_every_client_gets_the_very_same_bytes() -> None:
    city = City()
    async with city.running():
        clients = [city.stream.follow(None) for _ in range(3)]
        for client in clients:
            await anext(client)
        await asyncio.sleep(2 * GAP_S)
        city.rate()
        chunks = [await anext(client) for client in clients]
        while not any(is_diff(*one) for one in events(chunks[0])):
            chunks = [await anext(client) for client in clients]
        assert chunks[0] is chunks[1] is chunks[2]


async def test_a_tick_comes_every_second() -> None:
    city = City()
    async with city.running():
        client = city.stream.follow(None)
        await until(client, lambda kind, _: kind == "tick")
        began = asyncio.get_running_loop().time()
        city.now += 1_000
        _, tick = await until(client, lambda kind, _: kind == "tick")
        assert 0.8 < asyncio.get_running_loop().time() - began < 1.5
        assert tick == {"now": city.now, "id": "boot-1-0"}


async def test_a_page_that_comes_back_gets_what_it_missed() -> None:
    city = City()
    async with city.running():
        for _ in range(3):
            city.rate()
            await asyncio.sleep(GAP_S * 1.2)
        missed = events(await anext(city.stream.follow("boot-1-1")))
        assert [content["id"] for _, content in missed] == ["boot-1-2", "boot-1-3"]
        assert {kind for kind, _ in missed} == {"diff"}
        assert events(await anext(city.stream.follow("boot-1-3")))[0][0] == "tick"
        for unknown in ("boot-1-9", "boot-0-2", "nonsense"):
            assert events(await anext(city.stream.follow(unknown)))[0][0] == "snapshot"


async def test_what_is_no_longer_kept_is_a_snapshot() -> None:
    city = City()
    for _ in range(KEPT + 2):
        city.rate()
        city.stream._flush()
    assert events(await anext(city.stream.follow("boot-1-1")))[0][0] == "snapshot"
    assert events(await anext(city.stream.follow(f"boot-1-{KEPT}")))[0][0] == "diff"


async def test_a_slow_client_loses_its_queue_and_gets_a_snapshot() -> None:
    city = City()
    client = city.stream.follow(None)
    await anext(client)
    for _ in range(3 * WAITING):
        city.rate()
        city.stream._flush()
    arrived = events(await anext(client))
    assert [kind for kind, _ in arrived] == ["snapshot"]
    assert arrived[0][1]["total"] == 3 * WAITING
    city.rate()
    city.stream._flush()
    assert events(await anext(client))[0][1]["id"] == f"boot-1-{3 * WAITING + 1}"


async def test_closing_ends_every_stream_at_once() -> None:
    city = City()
    async with city.running():
        clients = [city.stream.follow(None) for _ in range(5)]
        for client in clients:
            await anext(client)
        waiting = [asyncio.ensure_future(anext(client, b"the end")) for client in clients]
        await asyncio.sleep(0)
        city.stream.close()
        async with asyncio.timeout(1):
            assert set(await asyncio.gather(*waiting)) == {b"the end"}


async def test_a_clock_set_back_loads_anew_and_tells_every_page() -> None:
    city = City()
    async with city.running():
        client = city.stream.follow(None)
        await anext(client)
        city.rate()
        city.loaded = Loaded(position=1, commits=1, total=7)
        city.now -= 48 * HOUR_MS
        kind, picture = await until(client, lambda kind, _: kind == "snapshot")
        assert kind == "snapshot"
        assert picture["id"] == "boot-2-0"
        assert (picture["day"], picture["total"]) == ("2026-11-20", 7)
        city.rate()
        _, diff = await until(client, is_diff)
        assert (diff["id"], diff["total"]) == ("boot-2-1", 8)


async def test_commits_during_a_load_are_neither_lost_nor_counted_twice() -> None:
    city = City()
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow_load() -> Board:
        begun.set()
        await go.wait()
        return city.board()

    city.stream._load = slow_load
    async with city.running():
        client = city.stream.follow(None)
        await anext(client)
        city.loaded = Loaded(position=1, commits=1, total=1)
        city.now -= HOUR_MS
        await begun.wait()
        city.rate()
        city.rate()
        go.set()
        _, picture = await until(client, lambda kind, _: kind == "snapshot")
        assert picture["total"] == 2
        assert picture["position"] == 2


async def test_after_a_missed_commit_the_board_is_loaded_anew_and_keeps_its_devices() -> None:
    city = City()
    async with city.running():
        client = city.stream.follow(None)
        await anext(client)
        city.stream.tell(Nodes(online=3))
        city.position = 5  # four commits that nobody told of
        city.loaded = Loaded(position=6, commits=6, total=6)
        city.rate()
        _, content = await until(client, lambda kind, _: kind == "snapshot")
    assert (content["total"], content["nodes"]["online"]) == (6, 3)


async def test_what_was_lost_with_a_session_is_loaded_anew_whatever_its_numbers() -> None:
    city = City()
    async with city.running():
        client = city.stream.follow(None)
        await anext(client)
        for _ in range(5):
            city.rate()
        city.loaded = Loaded(position=3, commits=3, total=3)
        city.stream.lost()
        _, content = await until(client, lambda kind, _: kind == "snapshot")
        assert content["total"] == 3
        city.position = 3
        city.rate()
        _, content = await until(client, is_diff)
    assert content["total"] == 4


async def test_a_loss_during_a_load_is_not_forgotten() -> None:
    city = City()
    loads = 0

    async def load() -> Board:
        nonlocal loads
        loads += 1
        if loads == 1:
            city.stream.lost()
            return city.board()
        city.loaded = Loaded(position=9, commits=9, total=9)
        return city.board()

    city.stream._load = load
    async with city.running():
        client = city.stream.follow(None)
        await anext(client)
        city.stream.lost()
        _, content = await until(client, lambda kind, content: kind == "snapshot" and content["total"] == 9)
    assert (loads, content["total"]) == (2, 9)


async def test_while_commits_are_not_seen_no_wall_hears_that_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "TICK_S", 0.05)
    city = City()
    seen = False
    city.stream.current = lambda: seen
    async with city.running():
        client = city.stream.follow(None)
        await anext(client)
        city.stream.tell(Nodes(online=3))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await anext(client)
        client = city.stream.follow(None)
        await anext(client)
        seen = True
        await until(client, lambda kind, _: kind == "tick")


async def test_open_cases_go_out_once_and_survive_a_new_load() -> None:
    city = City()
    opened = Cases(3, 1)
    async with city.running():
        client = city.stream.follow(None)
        await anext(client)
        city.stream.cases = lambda: Cases(opened.open, opened.overdue)
        _, diff = await until(client, lambda kind, content: kind == "diff" and "cases" in content)
        assert diff["cases"] == {"open": 3, "overdue": 1, "states": [], "list": []}
        city.rate()
        _, diff = await until(client, is_diff)
        assert "cases" not in diff
        city.now -= 48 * HOUR_MS
        _, picture = await until(client, lambda kind, _: kind == "snapshot")
        assert picture["cases"]["open"] == 3
