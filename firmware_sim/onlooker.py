"""Somebody who watches the wall from outside: follows the stream over HTTP as the page does, and keeps the picture.

It knows nothing of the city but `/api/stream` and `/api/board`: a snapshot replaces the picture, a diff is merged into
it, silence means a dead connection, and a new connection says what it saw last.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple

import httpx
import msgspec

from firmware_sim import loopback
from firmware_sim.delays import Sighting

SILENCE_S = 5.0  # the stream ticks every second
_RETRY_S = 0.3
_MERGED = ("counties", "townships")

Picture = dict[str, Any]


class Told(NamedTuple):
    """One server-sent event: its name and the text of its `data` lines."""

    name: str
    text: str


async def told(lines: AsyncIterable[str]) -> AsyncIterator[Told]:
    """Yield the events that `lines` (without their ends) spell out; comments and unknown fields are passed over."""
    name, texts = "message", list[str]()
    async for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if texts:
                yield Told(name, "\n".join(texts))
            name, texts = "message", []
        elif field == "event":
            name = value
        elif field == "data":
            texts.append(value)


def merged(picture: Mapping[str, Any], diff: Mapping[str, Any]) -> Picture:
    """Return `picture` with `diff` in it: places are merged by key, every other part is replaced."""
    after = {**picture, **diff}
    for part in _MERGED:
        if part in diff:
            after[part] = {**picture.get(part, {}), **diff[part]}
    return after


class Onlooker:
    """`run` until cancelled; `total` is what the wall says now."""

    def __init__(self, address: str, *, header: Mapping[str, str], wall_ms: Callable[[], int]) -> None:
        """Watch the city at `address`, such as http://127.0.0.1:8000, which a `header` lets in."""
        self.picture: Picture = {}
        self.sightings: list[Sighting] = []
        self.snapshots = 0
        self.connections = 0
        self._wall_ms = wall_ms
        self._changed = asyncio.Event()
        # No proxy, whatever the environment says: the city is on this machine.
        self._client = loopback.client(base_url=address, headers=header, timeout=SILENCE_S)

    @property
    def total(self) -> int | None:
        """Return how many ratings the wall shows ever to have been counted; None before the first picture."""
        return self.picture.get("total")

    async def run(self) -> None:
        """Follow the stream, again and again, from where it broke off."""
        async with self._client:
            while True:
                try:
                    await self._follow()
                except (httpx.HTTPError, msgspec.DecodeError):
                    await asyncio.sleep(_RETRY_S)

    async def wait_for(self, total: int, *, within_s: float) -> bool:
        """Wait until the wall shows `total` or more; False if it does not `within_s`."""
        try:
            async with asyncio.timeout(within_s):
                while (self.total or 0) < total or not self.picture:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def drift(self) -> list[str]:
        """Compare the picture merged from diffs with a whole one asked for now; name the places that differ."""
        answer = await self._client.get("/api/board")
        whole: Picture = msgspec.json.decode(answer.raise_for_status().content)
        mine = self.picture
        apart = [part for part in ("total", "day", "city") if mine.get(part) != whole[part]]
        for part in _MERGED:
            known = mine.get(part, {})
            apart += [key for key in whole[part].keys() | known.keys() if known.get(key) != whole[part].get(key)]
        return sorted(apart)

    async def _follow(self) -> None:
        seen = self.picture.get("id")
        headers = {"Last-Event-ID": seen} if seen else {}
        async with self._client.stream("GET", "/api/stream", headers=headers) as answer:
            answer.raise_for_status()
            self.connections += 1
            async for name, text in told(answer.aiter_lines()):
                self._take(name, msgspec.json.decode(text))

    def _take(self, name: str, said: Picture) -> None:
        match name:
            case "snapshot":
                self.snapshots += 1
                self.picture = said
            case "diff":
                self.picture = merged(self.picture, said)
        total = self.total
        if total is not None and (not self.sightings or self.sightings[-1].total < total):
            self.sightings.append(Sighting(self._wall_ms(), total))
        self._changed.set()
