"""What nodes declare destroyed, from their hellos in the database to whoever shows devices."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.losses import store
from cloud.losses.rules import Loss
from cloud.losses.worker import Reader
from contract.hello import Stream
from tests.cloud.conftest import EPOCH, GATEWAY, NODE, Desk, entry, hello

OLD = "AAAAAAAAAA"


async def read(desk: Desk, *damaged: str) -> Reader:
    reader = Reader(desk.database, lambda: damaged, look_s=0.01)
    reading = asyncio.get_running_loop().create_task(reader.run())
    while damaged and not reader.losses:
        await asyncio.sleep(0.01)
    reading.cancel()
    return reader


async def test_what_is_in_the_ledger_is_destroyed_and_not_lost(desk: Desk) -> None:
    await desk.exchange(entry(1, ("01", 3), ("01", 3)))
    await desk.exchange(
        hello(NODE, Stream(NODE, EPOCH, [(5, 5)], void=[(2, 4)]), Stream(NODE, OLD, [], void=[(7, 7)]), last=5)
    )
    assert (await read(desk, NODE)).losses == {NODE: [Loss(OLD, [(7, 7)], [(7, 7)]), Loss(EPOCH, [(2, 4)], [(3, 4)])]}


async def test_a_gateway_says_nothing_of_what_its_nodes_lost(desk: Desk) -> None:
    await desk.exchange(hello(GATEWAY, Stream(NODE, EPOCH, [], void=[(2, 4)])))
    assert (await read(desk, GATEWAY, NODE)).losses == {GATEWAY: [], NODE: []}


async def test_nobody_is_asked_about_who_says_that_it_lost_nothing(desk: Desk) -> None:
    await desk.exchange(hello(NODE, Stream(NODE, EPOCH, [], void=[(2, 4)])))
    assert (await read(desk)).losses == {}


async def test_while_the_database_is_away_the_last_answer_stands(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.exchange(hello(NODE, Stream(NODE, EPOCH, [], void=[(2, 4)])))
    reader = Reader(desk.database, lambda: [NODE], look_s=0.01)
    asked, whole = 0, store.of_node

    async def away(connection: AsyncConnection, node: str) -> list[Loss]:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise OSError("the cable is out")
        return await whole(connection, node)

    monkeypatch.setattr(store, "of_node", away)
    reading = asyncio.get_running_loop().create_task(reader.run())
    while asked < 3:
        await asyncio.sleep(0.01)
    assert reader.losses == {NODE: [Loss(EPOCH, [(2, 4)], [(2, 4)])]}
    reading.cancel()
