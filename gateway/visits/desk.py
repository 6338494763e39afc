"""Where a township's visits are taken, asked about until somebody knows what became of them, and told the city."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Self

from contract.batch import StreamKey
from contract.codec import encode
from contract.errors import ManyiError, StoreFull
from contract.hello import Hello
from contract.identity import EPOCH_BITS, epoch_text, node_of, township_of
from contract.prompt import Answer, Prompt
from contract.rating import Became
from gateway.visits.rules import Asked, left_over, shown, step
from gateway.visits.store import VisitStore
from gateway.visits.visit import Finished, Visit, place_of
from transport.intake import Verified
from transport.lanes import Item
from transport.shelf import Shelf
from transport.station import Station

logger = logging.getLogger(__name__)

# What cannot be written or dated now is tried again so often.
LOOK_S = 10.0
HELLO_MS = 60_000
FORGET_EVERY_MS = 600_000
_SAID = {"rated": Became.RATED, "silent": Became.SILENT, "unknown": Became.UNSHOWN}


class Elsewhere(ManyiError):  # noqa: N818  (as in `contract.errors`: the name says what happened)
    """A transaction that was taken at another window; `visit` is that one."""

    def __init__(self, visit: Visit) -> None:
        super().__init__(f"token {visit.called}: it was finished at window {visit.window} already")
        self.visit = visit


class Visits:
    """`take` a visit; `run` asks and tells.

    `send` gives a prompt to its node, False while there is no connection. `journal` takes what the city is to know,
    and `recorded` is told of it there. `windows_of` knows the windows of a node on the roster: None for one that is not
    there, nothing where the node has not said.
    """

    def __init__(
        self,
        store: VisitStore,
        station: Station,
        journal: Shelf,
        *,
        wait_ms: int,
        send: Callable[[Prompt], bool],
        recorded: Callable[[list[Item], list[Verified]], None],
        windows_of: Callable[[str], Sequence[str] | None],
        random_bits: Callable[[int], int],
    ) -> None:
        """Use `open`."""
        self._store = store
        self._station = station
        self._journal = journal
        self._wait_ms = wait_ms
        self._send = send
        self._recorded = recorded
        self._windows_of = windows_of
        self._random_bits = random_bits
        self._boottime = station.timepiece.boottime_ms
        self._asked: dict[str, Asked] = {}
        # What became of visits, not on disk yet.
        self._known: dict[str, Became] = {}
        self._news = asyncio.Event()
        self._greet_at = self._forget_at = 0
        self._hellos: list[bytes] = []

    async def open(self) -> Self:
        """Begin this run; what earlier ones asked is asked of the nodes."""
        station, now = self._station, self._boottime()
        await self._store.begin(station.epoch, station.signer, station.timepiece.boot)
        for visit in await self._store.open_visits():
            self._asked[visit.token] = left_over(visit.token, visit.window, now)
        return self

    async def take(self, finished: Finished) -> tuple[Visit, bool]:
        """Take a visit, and whether it is new; it is on disk when this returns, and somebody is being asked.

        The same transaction again is the same visit. Raises `ValueError` where there is no such window, `Elsewhere`,
        and `StoreFull`: then nothing has happened.
        """
        self._check(finished.window)
        boottime = self._boottime()
        dated = self._station.timepiece.at(boottime)
        token = epoch_text(self._random_bits(EPOCH_BITS))
        at = dated.at if dated else None
        visit = Visit(token, finished.token, finished.window, finished.item, finished.because, at, None)
        known = await self._store.take(visit, boottime, dated)
        if known is not None:
            if known.window != finished.window:
                raise Elsewhere(known)
            return self._fresh(known), False
        for one in self._asked.values():
            if one.window == visit.window:
                self._asked[one.token] = one._replace(open=False)
        self._asked[token] = Asked(token, visit.window, boottime, self._wait_ms, visit.item)
        self._step(self._asked[token])
        self._news.set()
        return visit, True

    async def of(self, called: str) -> Visit | None:
        """Return the visit of a transaction; None where there is none, or it was forgotten."""
        visit = await self._store.called(called)
        return None if visit is None else self._fresh(visit)

    def became(self, answer: Answer) -> None:
        """A node says what became of a prompt."""
        asked = self._asked.get(answer.token)
        if asked is None or node_of(asked.window) != answer.node:
            return
        if answer.became == "shown":
            self._asked[answer.token] = shown(asked)
        else:
            self._know(answer.token, _SAID[answer.became])

    def passed(self, batches: Iterable[Verified]) -> None:
        """These ratings came from nodes: what became of a visit stands in the rating itself."""
        for batch, _ in batches:
            for row in batch.rows:
                if row.token is not None:
                    self._know(row.token, Became.RATED)

    def met(self, node: str) -> None:
        """A node is here: ask it at once for what is still to be known."""
        now = self._boottime()
        for one in [one for one in self._asked.values() if node_of(one.window) == node and one.end < now]:
            self._asked[one.token] = one._replace(due=now, pause=0)
            self._news.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._news.clear()
            try:
                await self.turn()
            except StoreFull as full:
                logger.error("%s: visits wait: %s", self._station.name, full)  # noqa: TRY400  (the cause is in the text)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience_s()):
                    await self._news.wait()

    async def turn(self) -> None:
        """Do what is due now. Raises `StoreFull`: then it is done in a later turn."""
        now = self._boottime()
        for one in [one for one in self._asked.values() if one.due <= now]:
            self._step(one)
        await self._keep()

    def hellos(self) -> list[bytes]:
        """How far the numbers of each node's visits go, signed for the city: each minute, and with new ones."""
        taken, self._hellos = self._hellos, []
        return taken

    def _patience_s(self) -> float:
        due = min((one.due for one in self._asked.values()), default=None)
        return LOOK_S if due is None else min(LOOK_S, max(0, due - self._boottime()) / 1000)

    def _step(self, asked: Asked) -> None:
        """Do what is to be done about a visit now."""
        one, wait_ms, up = step(asked, self._boottime())
        if up:
            self._know(one.token, Became.UNSHOWN)
            return
        self._asked[one.token] = one
        if wait_ms is not None:
            node, _, window = one.window.partition("/")
            now = self._station.timepiece.now()
            self._send(Prompt(node, window, one.token, wait_ms, now.at if now else None, one.item))

    def _know(self, token: str, became: Became) -> None:
        self._asked.pop(token, None)
        if became is Became.RATED or token not in self._known:
            self._known[token] = became
            self._news.set()

    def _fresh(self, visit: Visit) -> Visit:
        return visit._replace(became=self._known.get(visit.token, visit.became))

    async def _keep(self) -> None:
        """Put on disk what is known, and what the city is to be told into the journal. Raises `StoreFull`."""
        store, timepiece = self._store, self._station.timepiece
        while self._known:
            token, became = next(iter(self._known.items()))
            await store.became(token, became)
            if self._known.get(token) is became:
                del self._known[token]
        now = timepiece.now()
        if now is None:
            await store.lived(timepiece.boot, self._boottime())
        await store.date(timepiece.later(await store.boots()))
        await store.cut()
        if made := await store.untold():
            fresh = [(one.batch, one.raw) for one in made if not await self._journal.holds(one.batch, one.raw)]
            if fresh:
                self._recorded(await self._journal.put(fresh), fresh)
            await store.told(made)
            self._greet_at = 0
        if self._boottime() >= self._greet_at:
            self._hellos = [self._hello(stream, last) for stream, last in await store.streams()]
            self._greet_at = self._boottime() + HELLO_MS
        if now is not None and self._boottime() >= self._forget_at:
            await store.forget(now.at)
            self._forget_at = self._boottime() + FORGET_EVERY_MS

    def _hello(self, stream: StreamKey, last: int) -> bytes:
        clock, wall = self._station.timepiece.clock(), self._station.timepiece.wall_ms()
        hello = Hello(1, *stream, last, "visits", 0, clock.boot, clock.boottime, wall)
        return self._station.signer.entry(encode(hello))

    def _check(self, window: str) -> None:
        node, short = place_of(window)
        windows = self._windows_of(node)
        if windows is None:
            township = township_of(self._station.name)
            raise ValueError(f"window {window}: there is no node {node} in township {township}")
        if windows and short not in windows:
            raise ValueError(f"window {window}: node {node} has {', '.join(sorted(windows))}")
