"""Which editions there are, without the lines: what is remembered of one holds for ever, since none is ever changed."""

import asyncio
from collections import OrderedDict
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.appeals.rules import open_until
from cloud.reports import store
from proof.edition import Edition, opened
from proof.period import period
from proof.report import Stage

# A period a week, each published a few times, for decades.
MOST = 10_000
# Whole ones that are kept: those of the period that everybody looks at.
KEPT = 8


class Head(NamedTuple):
    """Edition `number` of `period`, by `policy` in its `version`, of the ledger up to `position`; `units`: its lines.

    In the stage "appeal" it may be appealed against until `until`; it was made at `at`; both ms.
    """

    period: str
    number: int
    stage: Stage
    until: int
    position: int
    at: int
    policy: str
    version: int
    units: int

    @property
    def name(self) -> tuple[str, int]:
        """What it is found by."""
        return self.period, self.number


class Editions:
    """Reads editions, away from the loop: one of 10,000 windows is a megabyte of lines.

    Each head is read once, by one at a time, and the last few editions are kept whole.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], Head] = {}
        self._whole: OrderedDict[tuple[str, int], Edition] = OrderedDict()
        self._turn = asyncio.Lock()

    async def heads(self, connection: AsyncConnection) -> list[Head]:
        """Every edition, those of the latest period first, and of one period the newest."""
        names = await store.which(connection, MOST)
        async with self._turn:
            for name in names:
                if name not in self._known:
                    self._known[name] = head_of(await self._read(connection, name))
        found = [self._known[name] for name in names]
        return sorted(found, key=lambda one: (period(one.period).last, one.period, one.number), reverse=True)

    async def whole(self, connection: AsyncConnection, name: tuple[str, int]) -> Edition:
        """The edition of this `name`, of which there is a head, with its lines."""
        async with self._turn:
            return await self._read(connection, name)

    async def _read(self, connection: AsyncConnection, name: tuple[str, int]) -> Edition:
        if name in self._whole:
            self._whole.move_to_end(name)
            return self._whole[name]
        raw = await store.raw(connection, *name)
        edition = (await asyncio.to_thread(opened, raw)).edition
        self._whole[name] = edition
        if len(self._whole) > KEPT:
            self._whole.popitem(last=False)
        return edition


def head_of(told: Edition) -> Head:
    """`told` without its lines."""
    return Head(
        *(told.period, told.number, told.stage, told.until, told.position, told.at),
        *(told.policy.name, told.policy.version, len(told.lines)),
    )


def open_ones(heads: list[Head], now: int) -> list[Head]:
    """Those that may be appealed against at `now` (ms)."""
    newest: dict[str, int] = {}
    for one in heads:
        newest[one.period] = max(one.number, newest.get(one.period, 0))
    return [one for one in heads if open_until(one.stage, one.until, one.number, newest[one.period], now) is not None]
