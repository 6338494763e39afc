"""The board alive: commits in, server-sent events out.

The first change goes out at once, those that follow are coalesced to four a second. Each diff is encoded once, and all
clients are handed the same bytes. A client that reads too slowly loses its queue and gets a snapshot instead, so
neither it nor the city ever holds more than a bounded number of diffs.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection

import msgspec

from cloud.board.picture import Cases, Diff, LastSeal, Nodes, Picture, Tick, Turnout
from cloud.board.rules import Board
from cloud.database import unavailable
from cloud.ledger.commit import Commit
from contract.errors import Unavailable

logger = logging.getLogger(__name__)

GAP_S = 0.25
TICK_S = 1.0
# A load that takes longer waits for a database that hangs.
LOAD_S = 30.0
# A minute of diffs, for a page that lost its connection and says what it has.
KEPT = 240
# Diffs waiting for one client.
WAITING = 64
CLIENTS = 500

_encode = msgspec.json.Encoder().encode


def framed(kind: str, content: Picture | Diff | Tick, id_: str | None = None) -> bytes:
    """One server-sent event; JSON made by msgspec holds no line end, so one `data:` line is enough."""
    head = f"id: {id_}\nevent: {kind}\ndata: " if id_ else f"event: {kind}\ndata: "
    return head.encode() + _encode(content) + b"\n\n"


class _Client:
    """What waits for one open stream."""

    __slots__ = ("awake", "lost", "waiting")

    def __init__(self) -> None:
        self.awake = asyncio.Event()
        self.waiting: deque[bytes] = deque()
        self.lost = False

    def offer(self, chunk: bytes) -> None:
        if len(self.waiting) >= WAITING:
            self.waiting.clear()
            self.lost = True
        if not self.lost:
            self.waiting.append(chunk)
            self.awake.set()


class Stream:
    """Owns the board from its load to the end. `clock` gives the city's time in ms; `load` makes a fresh board.

    While `current()` is false commits are not seen: then nothing is sent, so that no wall takes old figures for new.
    `seal()` is the ledger's newest one, `cases()` what is open, `turnout()` who was asked today.
    """

    def __init__(self, board: Board, *, clock: Callable[[], int], load: Callable[[], Awaitable[Board]]) -> None:
        self._board = board
        self._clock = clock
        self._load = load
        self._changed = asyncio.Event()
        self._closed = False
        self._clients: set[_Client] = set()
        self._kept: deque[tuple[str, bytes]] = deque(maxlen=KEPT)
        self._nodes = Nodes()
        self._meanwhile: list[Commit] | None = None
        self._missed = False
        self.current: Callable[[], bool] = lambda: True
        self.cases: Callable[[], Cases] = Cases
        self.seal: Callable[[], LastSeal | None] = lambda: None
        self.turnout: Callable[[], Turnout | None] = lambda: None
        self.snapshots = 0

    @property
    def clients(self) -> int:
        """How many streams are open."""
        return len(self._clients)

    def committed(self, commit: Commit) -> None:
        """Listen to the ledger: fold `commit` in and wake the stream; after a missed one the board is loaded anew."""
        if self._meanwhile is not None:
            self._meanwhile.append(commit)
        if commit.number <= self._board.commits + 1:
            self._board.apply(commit)
            self._changed.set()
        elif self._meanwhile is None:
            self._missed = True

    def lost(self) -> None:
        """Take what was committed for uncertain: the board is loaded anew."""
        self._missed = True

    def tell(self, nodes: Nodes) -> None:
        """Take a new picture of the devices."""
        self._nodes = nodes
        self._board.tell(nodes)
        self._changed.set()

    def know(self, townships: Collection[str], lone: Collection[str]) -> None:
        """Take part of further townships, and in which places there is one window alone."""
        self._board.know(townships, lone)
        self._changed.set()

    def picture(self) -> bytes:
        """Return the whole picture as JSON."""
        self._advance()
        return _encode(self._board.snapshot())

    def close(self) -> None:
        """End every open stream and `run`."""
        self._closed = True
        self._changed.set()
        for client in self._clients:
            client.awake.set()

    async def follow(self, last: str | None) -> AsyncGenerator[bytes, None]:
        """Yield chunks of whole events for one client that has seen id `last`, until it goes or the stream closes."""
        client = _Client()
        self._clients.add(client)
        try:
            missed = self._since(last)
            yield self._snapshot() if missed is None else missed
            while not self._closed:
                await client.awake.wait()
                client.awake.clear()
                if client.lost:
                    client.lost = False
                    client.waiting.clear()
                    yield self._snapshot()
                elif client.waiting:
                    chunk = b"".join(client.waiting)
                    client.waiting.clear()
                    yield chunk
        finally:
            self._clients.discard(client)

    async def run(self) -> None:
        """Send until closed."""
        loop = asyncio.get_running_loop()
        next_tick = loop.time()
        not_before = next_tick
        while not self._closed:
            pending, current = self._changed.is_set(), self.current()
            wake = min(next_tick, not_before) if pending and current else next_tick
            await self._sleep(wake - loop.time(), until_change=not pending)
            now = loop.time()
            if now >= next_tick:
                next_tick = max(next_tick + TICK_S, now)
                if current:
                    await self._tick()
            if current and self._changed.is_set() and now >= not_before and self._flush():
                not_before = now + GAP_S

    async def _sleep(self, seconds: float, *, until_change: bool) -> None:
        if seconds <= 0:
            return
        if not until_change:
            await asyncio.sleep(seconds)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _tick(self) -> None:
        if self._board.misdated(self._clock()):
            await self._reload("the clock went back")
        elif self._missed:
            await self._reload("a commit was not heard of")
        self._advance()
        # Time alone changes figures too: the rate of the last minute, the minute that a trend ends with.
        self._changed.set()
        self._send(framed("tick", self._board.tick()))

    async def _reload(self, why: str) -> None:
        logger.warning("%s: the board is loaded anew", why)
        self._meanwhile = []
        self._missed = False
        try:
            with unavailable():
                async with asyncio.timeout(LOAD_S):
                    board = await self._load()
        except Unavailable as bad:
            logger.warning("the board cannot be loaded, next try in a second: %s", bad)
            self._missed = True
            return
        finally:
            heard, self._meanwhile = self._meanwhile, None
        board.tell(self._nodes)
        self._board = board
        for commit in heard:
            self.committed(commit)
        self._kept.clear()
        self._send(self._snapshot())

    def _flush(self) -> bool:
        self._changed.clear()
        self._advance()
        diff = self._board.diff()
        if diff is None:
            return False
        chunk = framed("diff", diff, diff.id)
        self._kept.append((diff.id, chunk))
        self._send(chunk)
        return True

    def _advance(self) -> None:
        now = self._clock()
        # Until it is loaded anew, a board whose clock went back stays where it was.
        if not self._board.misdated(now):
            self._board.advance(now)
        self._board.cases = self.cases()
        self._board.seal = self.seal()
        self._board.turnout = self.turnout()

    def _snapshot(self) -> bytes:
        self.snapshots += 1
        self._advance()
        picture = self._board.snapshot()
        return framed("snapshot", picture, picture.id)

    def _since(self, last: str | None) -> bytes | None:
        """Return the diffs after `last`, or None where they are not all kept."""
        if last is None:
            return None
        if last == self._board.id:
            return framed("tick", self._board.tick())
        ids = [id_ for id_, _ in self._kept]
        if last not in ids:
            return None
        return b"".join(chunk for _, chunk in list(self._kept)[ids.index(last) + 1 :])

    def _send(self, chunk: bytes) -> None:
        for client in self._clients:
            client.offer(chunk)
