"""What follows the ledger goes on whatever happens, and says once that it cannot and once that it can again."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cloud.ledger.commit import Commit
from cloud.ledger.following import Following, Pace
from contract.errors import Unavailable

QUICK = Pace(0.0, 60.0, 0.001, 0.001)


class Reader(Following):
    """`away`: so many of its next turns fail."""

    def __init__(self, pace: Pace = QUICK, *, away: int = 0) -> None:
        super().__init__(pace, stopped="nothing is read", resumed="it is read again")
        self.away = away
        self.turns = 0
        self.turned = asyncio.Event()

    async def catch_up(self) -> None:
        self.turns += 1
        self.turned.set()
        if self.away:
            self.away -= 1
            raise Unavailable(f"{self.away} more")


@asynccontextmanager
async def reading(reader: Reader) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(reader.run(), name="reader")
        await reader.turned.wait()
        yield
        running.cancel()


async def another_turn(reader: Reader) -> None:
    reader.turned.clear()
    await reader.turned.wait()


def commit(position: int) -> Commit:
    return Commit(1, position, 1, {}, [], [], 0, 0)


async def test_it_looks_when_something_was_committed() -> None:
    reader = Reader()
    async with reading(reader):
        assert (reader.turns, reader.head) == (1, 0)
        for position in (7, 5):
            reader.wake(commit(position))
            await another_turn(reader)
            assert reader.head == 7
    assert reader.turns == 3


async def test_what_was_committed_while_it_was_at_it_is_looked_at_next() -> None:
    reader = Reader()
    whole = reader.catch_up

    async def meanwhile() -> None:
        await whole()
        if reader.turns == 1:
            reader.wake(commit(9))

    reader.catch_up = meanwhile  # type: ignore[method-assign]
    async with reading(reader):
        while reader.turns < 2:
            await another_turn(reader)


async def test_it_looks_by_itself_where_nobody_tells() -> None:
    reader = Reader(QUICK._replace(look_s=0.001))
    async with reading(reader):
        while reader.turns < 3:
            await another_turn(reader)


async def test_trouble_is_said_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    reader = Reader(away=3)
    async with reading(reader):
        while reader.turns < 4:
            await another_turn(reader)
        while reader.trouble is not None:
            await asyncio.sleep(0)
        reader.wake(commit(1))
        await another_turn(reader)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "nothing is read: 2 more"),
        ("INFO", "it is read again"),
    ]


async def test_it_is_tried_again_more_and_more_slowly_and_begins_anew_after_a_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []
    reader = Reader(Pace(0.5, 0.0, 1.0, 4.0), away=4)

    async def waited(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 5:
            reader.away = 1
        if len(waits) == 7:
            raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", waited)
    with pytest.raises(asyncio.CancelledError):
        await reader.run()
    assert waits == [1.0, 2.0, 4.0, 4.0, 0.5, 1.0, 0.5]
