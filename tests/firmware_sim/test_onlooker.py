import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import time_ns
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim import onlooker
from firmware_sim.onlooker import Onlooker, Picture, Told, merged, told

SNAPSHOT = {
    "id": "b-1",
    "total": 10,
    "day": "2026-11-22",
    "city": {"n": [8, 1, 1]},
    "counties": {"371721": {"n": [8, 1, 1]}, "371722": {"n": [0, 0, 0]}},
    "townships": {"371721121": {"n": [8, 1, 1]}, "371721122": {"n": [0, 0, 0]}},
}
DIFF = {
    "id": "b-2",
    "total": 12,
    "city": {"n": [10, 1, 1]},
    "counties": {"371721": {"n": [10, 1, 1]}},
    "townships": {"371721122": {"n": [2, 0, 0]}},
}
AFTER: Picture = {
    "id": "b-2",
    "total": 12,
    "day": "2026-11-22",
    "city": {"n": [10, 1, 1]},
    "counties": {"371721": {"n": [10, 1, 1]}, "371722": {"n": [0, 0, 0]}},
    "townships": {"371721121": {"n": [8, 1, 1]}, "371721122": {"n": [2, 0, 0]}},
}


def event(name: str, content: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(content)}\n\n".encode()


class FakeCity:
    """Serves one scripted stream after the other, and `board` at /api/board; a `silent` stream never ends by itself."""

    def __init__(self, *streams: bytes, board: dict[str, Any] | None = None, silent: bool = False) -> None:
        self.asked: list[str | None] = []
        self.over = asyncio.Event()
        self._streams = list(streams)
        self._board = board
        self._silent = silent

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if line)
        if head.startswith("GET /api/board"):
            body = json.dumps(self._board).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        else:
            self.asked.append(headers.get("last-event-id"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + self._streams.pop(0))
            if self._silent or not self._streams:
                await self.over.wait()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def watching(city: FakeCity) -> AsyncIterator[Onlooker]:
    async with await asyncio.start_server(city.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        looker = Onlooker(f"http://127.0.0.1:{port}", header={}, wall_ms=lambda: time_ns() // 1_000_000)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(looker.run(), name="onlooker")
            yield looker
            running.cancel()
        city.over.set()
        await asyncio.sleep(0.05)  # let every connection close


async def test_a_snapshot_and_the_diffs_after_it_are_one_picture() -> None:
    async with watching(FakeCity(event("snapshot", SNAPSHOT) + event("diff", DIFF))) as looker:
        assert looker.total is None
        assert await looker.wait_for(12, within_s=2)
        assert looker.picture == AFTER
        assert [sighting.total for sighting in looker.sightings] == [10, 12]


async def test_a_broken_connection_is_resumed_from_what_was_seen() -> None:
    city = FakeCity(event("snapshot", SNAPSHOT), event("diff", DIFF))
    async with watching(city) as looker:
        assert await looker.wait_for(12, within_s=3)
        assert city.asked == [None, "b-1"]
        assert (looker.picture, looker.snapshots, looker.connections) == (AFTER, 1, 2)


async def test_a_silent_connection_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onlooker, "SILENCE_S", 0.3)
    async with watching(FakeCity(event("snapshot", SNAPSHOT), event("diff", DIFF), silent=True)) as looker:
        assert await looker.wait_for(12, within_s=3)
        assert looker.connections == 2


async def test_what_never_comes_is_not_waited_for_for_ever() -> None:
    async with watching(FakeCity(event("snapshot", SNAPSHOT))) as looker:
        assert await looker.wait_for(10, within_s=2)
        assert not await looker.wait_for(11, within_s=0.2)


async def test_a_snapshot_replaces_everything() -> None:
    fresh: Picture = {**SNAPSHOT, "id": "c-1", "total": 3, "townships": {}}
    async with watching(FakeCity(event("snapshot", SNAPSHOT) + event("snapshot", fresh))) as looker:
        assert await looker.wait_for(1, within_s=2)
        await asyncio.sleep(0.05)
        assert looker.picture == fresh


@pytest.mark.parametrize(
    ("board", "apart"),
    [
        (AFTER, []),
        ({**AFTER, "total": 13}, ["total"]),
        ({**AFTER, "townships": {**AFTER["townships"], "371721122": {"n": [1, 0, 0]}}}, ["371721122"]),
        ({**AFTER, "counties": {"371721": {"n": [10, 1, 1]}}}, ["371722"]),
    ],
)
async def test_drift_names_the_places_that_differ(board: dict[str, Any], apart: list[str]) -> None:
    async with watching(FakeCity(event("snapshot", SNAPSHOT) + event("diff", DIFF), board=board)) as looker:
        assert await looker.wait_for(12, within_s=2)
        assert await looker.drift() == apart


async def test_events_are_read_as_the_standard_spells_them() -> None:
    text = ": comment\nid: 7\nevent: tick\ndata: 1\ndata:2\n\nevent: gone\n\ndata\n\ndata: unfinished"

    async def lines() -> AsyncIterator[str]:
        for line in text.split("\n"):
            yield line

    assert [one async for one in told(lines())] == [Told("tick", "1\n2"), Told("message", "")]


units = st.dictionaries(st.sampled_from("abcd"), st.integers(), max_size=4)
parts = st.fixed_dictionaries({}, optional={"total": st.integers(), "counties": units, "townships": units})


@given(parts, st.lists(parts))
def test_merging_diffs_keeps_the_newest_of_every_place(picture: Picture, diffs: list[Picture]) -> None:
    result = picture
    for diff in diffs:
        result = merged(result, diff)
    for part in ("counties", "townships"):
        naive: dict[str, int] = {}
        for said in (picture, *diffs):
            naive.update(said.get(part, {}))
        assert result.get(part, {}) == naive
    totals = [said["total"] for said in (picture, *diffs) if "total" in said]
    assert result.get("total") == (totals[-1] if totals else None)
