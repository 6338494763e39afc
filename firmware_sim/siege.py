"""A city in a box under siege: it is opened, something is done to it under load, and the evidence is taken."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from firmware_sim.box import Box, Order
from firmware_sim.evidence import contradictions, gather
from firmware_sim.fingerlog import read
from firmware_sim.ground import Ground
from firmware_sim.verdict import Verdict

ZONE = ZoneInfo("Asia/Shanghai")
# Whoever stands at a window when the doors close has left by then.
_LEAVE_S = 20.0
# The wall has stood still for so long when nothing more is on its way.
_STILL_S = 1.5
_POLL_S = 0.2


B = TypeVar("B", bound=Box)


class Evidence(NamedTuple):
    """The verdict; where the wall's picture drifted from its diffs; where the city contradicts its own ledger."""

    verdict: Verdict
    drift: list[str]
    contradictions: list[str]

    @property
    def clean(self) -> bool:
        """Return whether nothing is wrong."""
        return self.verdict.clean and not self.drift and not self.contradictions

    def __str__(self) -> str:
        """Return all of it, a finding a line."""
        counts = replace(self.verdict, examples=(), delays=())
        return "\n".join([str(counts), *self.verdict.examples, *self.drift, *self.contradictions])


class Siege(Generic[B]):
    """An open city: `box` is there to be hurt, `evidence` after the context has closed."""

    def __init__(self, box: B, drain_s: float) -> None:
        """Besiege `box`; at the end what is lit has at most `drain_s` to come to the wall."""
        self.box = box
        self.evidence: Evidence
        self._drain_s = drain_s

    @property
    def lit(self) -> int:
        """Return how many lights were seen so far."""
        return sum(entry.kind == "lit" for entry in read(self.box.log))

    async def catch_up(self) -> bool:
        """Wait until the wall shows at least what is lit now; False when that takes too long."""
        return await self.box.onlooker.wait_for(self.lit - len(self.box.allowed.destroyed), within_s=self._drain_s)

    async def come_to_rest(self) -> list[str]:
        """Let nobody new step up and everything arrive; return where the wall drifted."""
        onlooker = self.box.onlooker
        await self.box.hush(within_s=_LEAVE_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._drain_s):
                await self.catch_up()
                # Its total alone may be too much too soon: what was committed and never seen to be lit stands in for
                # what a node that lost its line has still to bring.
                # In a thread: reading a large ledger takes seconds, in which the wall's stream wants to be followed.
                while await asyncio.to_thread(self._missed):  # noqa: ASYNC110  (the ledger is another process's)
                    await asyncio.sleep(_POLL_S)
        # What was committed and not seen to be lit comes too.
        while await onlooker.wait_for((onlooker.total or 0) + 1, within_s=_STILL_S):
            pass
        await self.box.feed_series(within_s=self._drain_s)
        return await onlooker.drift()

    def _missed(self) -> int:
        box = self.box
        if box.ground.postgres is not None:
            return 0  # no file to look into while the city runs; its windows are never killed, so a total is enough
        return gather(box.log, box.premises.database, wall=None, allowed=box.allowed).lost


@asynccontextmanager
async def besieged(
    order: Order,
    folder: Path,
    *,
    wall_ms: Callable[[], int],
    ground: Ground | None = None,
    sabotage: Mapping[str, Sequence[str]] | None = None,
    drain_s: float = 60.0,
) -> AsyncIterator[Siege[Box]]:
    """Open a city with people at its windows; after the block it comes to rest, is closed and judged."""

    def plan(group: asyncio.TaskGroup) -> Box:
        return Box(order, folder, group, wall_ms=wall_ms, ground=ground, sabotage=sabotage)

    async with under_siege(plan, drain_s=drain_s) as siege:
        yield siege


@asynccontextmanager
async def under_siege(plan: Callable[[asyncio.TaskGroup], B], *, drain_s: float = 60.0) -> AsyncIterator[Siege[B]]:
    """As `besieged`, with whatever box `plan` makes."""
    async with asyncio.TaskGroup() as group:
        box = plan(group)
        siege = Siege(box, drain_s)
        try:
            await box.lay_foundation()
            await box.open_city()
            await box.open_townships()
            await box.open_windows()
            yield siege
            drift = await siege.come_to_rest()
            await box.close_houses()
            records = await box.take_records()
        finally:
            await box.close()
    verdict = gather(box.log, records.database, wall=box.onlooker.total, allowed=box.allowed)
    siege.evidence = Evidence(verdict, drift, [*contradictions(records.database, ZONE), *records.series])
