"""Walls and desks as a process of their own: raw HTTP/1.1, so that what they cost is not what the city costs.

Standard input brings the addresses and secrets as JSON, and a line of its own when to end; standard output says `ready`
and at the end one JSON object: what each wall saw when, and how the desks fared. A wall remembers each total;
a desk asks for its page whenever it is told that there is something new, as console.js does.
"""

import asyncio
import json
import re
import resource
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

_TOTAL = re.compile(rb'"total":(\d+)')
_ID = re.compile(rb"^id: \S+-(\d+)$", re.MULTILINE)
_KIND = re.compile(rb"^event: (\w+)$", re.MULTILINE)


class Asked:
    """One request on a connection of its own; `status` and then the parts of the body as they come."""

    def __init__(self, port: int, path: str, header: str) -> None:
        self.status = 0
        self._port = port
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\n{header}\r\n\r\n".encode()

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the body, unchunked."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        try:
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            self.status = int(head.split(b" ", 2)[1])
            if (length := re.search(rb"(?i)content-length: (\d+)", head)) is not None:
                yield await reader.readexactly(int(length[1]))
                return
            while size := int(await reader.readline(), 16):
                yield await reader.readexactly(size)
                await reader.readexactly(2)
        finally:
            writer.close()


async def frames(asked: Asked) -> AsyncIterator[bytes]:
    """Yield whole server-sent events."""
    left = b""
    async for part in asked.parts():
        *whole, left = (left + part).split(b"\n\n")
        for frame in whole:
            yield frame


class Wall:
    """One stream of the board. `seen`: a moment (s, monotonic) and the total that a frame said then."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int]] = []
        self.gaps = 0
        self.troubles: list[str] = []

    async def watch(self, port: int, header: str) -> None:
        """Watch until cancelled."""
        asked, last = Asked(port, "/api/stream", header), None
        try:
            async for frame in frames(asked):
                now = time.monotonic()
                if (total := _TOTAL.search(frame)) is not None:
                    self.seen.append((now, int(total[1])))
                if (number := _ID.search(frame)) is not None:
                    kind = _KIND.search(frame)
                    if kind is not None and kind[1] == b"diff" and last is not None and int(number[1]) != last + 1:
                        self.gaps += 1
                    last = int(number[1])
            self.troubles.append(f"a stream ended with {asked.status}")
        except (OSError, ValueError, asyncio.IncompleteReadError) as bad:
            self.troubles.append(f"a stream broke: {bad!r}")


class Desk:
    """One console: its stream, and the page that it then asks for, one at a time and once more if told meanwhile."""

    def __init__(self) -> None:
        self.took_ms: list[float] = []
        self.told = 0
        self.troubles: list[str] = []
        self._news = asyncio.Event()

    async def watch(self, port: int, header: str) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(port, header))
            tasks.create_task(self._renew(port, header))

    async def _listen(self, port: int, header: str) -> None:
        asked = Asked(port, "/cases/stream", header)
        try:
            async for frame in frames(asked):
                if frame.startswith(b"data:"):
                    self.told += 1
                    self._news.set()
            self.troubles.append(f"a desk's stream ended with {asked.status}")
        except (OSError, ValueError, asyncio.IncompleteReadError) as bad:
            self.troubles.append(f"a desk's stream broke: {bad!r}")

    async def _renew(self, port: int, header: str) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            begin = time.monotonic()
            page = Asked(port, "/cases", header)
            try:
                body = b"".join([part async for part in page.parts()])
            except (OSError, ValueError, asyncio.IncompleteReadError) as bad:
                self.troubles.append(f"a page broke: {bad!r}")
                continue
            if page.status != 200 or b'id="live"' not in body:
                self.troubles.append(f"a page was answered {page.status}")
            self.took_ms.append((time.monotonic() - begin) * 1000)


async def main() -> None:
    """Watch as standard input says."""
    loop = asyncio.get_running_loop()
    told: dict[str, Any] = json.loads(sys.stdin.readline())
    port = told["port"]
    walls = [Wall() for _ in range(told["walls"])]
    desks = [Desk() for _ in told["desks"]]
    # All at once would be more than a listening socket takes.
    watching: list[asyncio.Task[None]] = []
    async with asyncio.TaskGroup() as tasks:
        for wall in walls:
            watching.append(tasks.create_task(wall.watch(port, told["wall"])))
            await asyncio.sleep(0.01)
        for desk, header in zip(desks, told["desks"], strict=True):
            watching.append(tasks.create_task(desk.watch(port, header)))
            await asyncio.sleep(0.01)
        print("ready", flush=True)
        await loop.run_in_executor(None, sys.stdin.readline)
        for one in watching:
            one.cancel()
    used = resource.getrusage(resource.RUSAGE_SELF)
    result = {
        "walls": [wall.seen for wall in walls],
        "gaps": sum(wall.gaps for wall in walls),
        "troubles": [
            *(said for wall in walls for said in wall.troubles),
            *(said for desk in desks for said in desk.troubles),
        ],
        "told": sum(desk.told for desk in desks),
        "took_ms": [took for desk in desks for took in desk.took_ms],
        "cpu_s": used.ru_utime + used.ru_stime,
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
