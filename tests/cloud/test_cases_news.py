"""A desk hears that cases have changed, whoever changed them, and of nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from cloud.cases import news as room
from cloud.cases import store
from cloud.cases.news import News
from cloud.database import Database


@asynccontextmanager
async def looking(database: Database) -> AsyncIterator[News]:
    news = News(database.reader, now=lambda: 0)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(news.run())
        yield news
        running.cancel()


async def change(database: Database) -> None:
    async with database.writer.begin() as connection:
        await store.tell(connection)


async def test_every_change_is_told_to_every_desk_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LOOK_S", 0.01)
    async with looking(database) as news, asyncio.timeout(10):
        desks = [news.follow() for _ in range(3)]
        assert [await anext(desk) for desk in desks] == [b"data: 0\n\n"] * 3
        for number in (1, 2):
            waiting = [asyncio.ensure_future(anext(desk)) for desk in desks]
            await asyncio.sleep(0.05)
            assert not any(one.done() for one in waiting)
            await change(database)
            assert await asyncio.gather(*waiting) == [f"data: {number}\n\n".encode()] * 3
        assert news.desks == 3
        for desk in desks:
            await desk.aclose()
        assert news.desks == 0


async def test_what_changed_while_nobody_listened_is_told_to_whoever_comes(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LOOK_S", 0.01)
    await change(database)
    async with looking(database) as news, asyncio.timeout(10):
        desk = news.follow()
        told = [await anext(desk)]
        while told[-1] != b"data: 1\n\n":
            told.append(await anext(desk))
        await desk.aclose()


async def test_a_quiet_line_is_kept_alive_and_ends_with_the_city(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "BEAT_S", 0.02)
    async with looking(database) as news, asyncio.timeout(10):
        desk = news.follow()
        assert (await anext(desk), await anext(desk)) == (b"data: 0\n\n", b": nothing new\n\n")
        news.close()
        assert {one async for one in desk} <= {b": nothing new\n\n"}


async def test_whoever_looks_through_the_veil_hears_minutes_and_no_change(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LOOK_S", 0.01)
    monkeypatch.setattr(room, "BEAT_S", 0.02)
    now = 59_000
    news = News(database.reader, now=lambda: now)
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(10):
        running = tasks.create_task(news.run())
        desk = news.minutes()
        told = [await anext(desk)]
        await change(database)
        told += [await anext(desk) for _ in range(10)]
        assert told == [b"data: minute\n\n", *[b": nothing new\n\n"] * 10]
        now = 60_000
        told = [await anext(desk) for _ in range(2)]
        assert told == [b"data: minute\n\n", b": nothing new\n\n"]
        news.close()
        assert {one async for one in desk} <= {b": nothing new\n\n"}
        running.cancel()


async def test_a_busy_hour_is_told_once_a_second_and_not_to_all_desks_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LOOK_S", 0.01)
    monkeypatch.setattr(room, "PACE_S", 0.6)
    loop = asyncio.get_running_loop()
    heard: list[tuple[int, float]] = []
    async with looking(database) as news, asyncio.timeout(20), asyncio.TaskGroup() as tasks:

        async def listen(number: int) -> None:
            heard.extend([(number, loop.time()) async for told in news.follow() if told.startswith(b"data:")])

        for number in range(16):
            tasks.create_task(listen(number))
            await asyncio.sleep(0)
        end = loop.time() + 2.0
        while loop.time() < end:
            await change(database)
            await asyncio.sleep(0.02)
        await asyncio.sleep(1.2)
        news.close()
    first = [at for number, at in heard if number == 0]
    last = [at for number, at in heard if number == 15]
    # At the beginning, then as the changes came, and after the last of them once more.
    assert 4 <= len(first) <= 7
    assert min(later - sooner for sooner, later in pairwise(first[1:])) > 0.5
    assert 0.3 < last[1] - first[1] < 1.0
