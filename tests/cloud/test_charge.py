"""Several workers on one PostgreSQL: who holds a county, who may commit for it, and what follows when one is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from cloud.database import Database, fetch, open_database, unavailable
from cloud.engines import TENURE_MS
from cloud.ingest.charge import Shared
from contract.errors import Unavailable
from tests.cloud.conftest import Desk, entry, ranges
from tests.cloud.where import Where

COUNTIES = ["371702", "371703", "371721", "371722"]
THREE = (("01", 3), ("01", 2), ("02", 1))

pytestmark = pytest.mark.parametrize("where", ["postgresql"], indirect=True)


class Worker:
    """One ingest worker's connections and charge."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.charge = Shared(database.writer, COUNTIES)

    async def pid(self) -> int:
        async with self.database.writer.connect() as connection:
            return int((await fetch(connection, "SELECT pg_backend_pid()"))[0][0])


@pytest.fixture
async def workers(where: Where) -> AsyncIterator[list[Worker]]:
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(await open_database(where.database, tenured=True)) for _ in range(2)]
        yield [Worker(database) for database in opened]


def cut(where: Where, pid: int) -> None:
    """End a session as PostgreSQL does when its client is gone."""
    assert where.query(f"SELECT pg_terminate_backend({pid})") == [(True,)]


async def rested(workers: list[Worker]) -> None:
    for _ in range(3):
        for worker in workers:
            await worker.charge.renew()


async def test_the_first_takes_all_and_shares_with_the_second(workers: list[Worker]) -> None:
    first, second = (worker.charge for worker in workers)
    assert (await first.renew()).gained == set(COUNTIES)
    assert (await second.renew()).gained == frozenset()
    await first.renew()
    gained = (await second.renew()).gained

    assert gained == second.counties
    assert first.counties.isdisjoint(second.counties)
    assert first.counties | second.counties == set(COUNTIES)
    assert {len(first.counties), len(second.counties)} == {2}
    assert first.feeds_series != second.feeds_series
    assert first.covers("371702001") != second.covers("371702001")
    assert first.covers("")


async def test_who_loses_its_session_loses_its_counties_and_may_not_commit(workers: list[Worker], where: Where) -> None:
    await rested(workers)
    dead, heir = workers
    before = dead.charge.counties
    cut(where, await dead.pid())

    gained = (await heir.charge.renew()).gained
    assert gained == before
    with pytest.raises(Unavailable), unavailable():
        async with dead.database.writer.begin() as connection:
            await fetch(connection, "SELECT 1")
    # The pool has a new session by now, on which nothing was ever taken.
    async with dead.database.writer.begin() as connection:
        with pytest.raises(Unavailable, match="the session that held the counties has ended"):
            await dead.charge.confirm(connection)


async def test_what_is_taken_again_counts_as_gained_since_it_may_have_been_anothers(
    workers: list[Worker], where: Where
) -> None:
    worker = workers[0]
    await worker.charge.renew()
    cut(where, await worker.pid())
    with pytest.raises(Unavailable):
        await worker.charge.renew()

    change = await worker.charge.renew()

    assert change.gained == set(COUNTIES)
    assert change.lost == frozenset()
    async with worker.database.writer.begin() as connection:
        await worker.charge.confirm(connection)


@pytest.mark.timeout(60)
async def test_a_worker_that_hangs_is_ended_by_postgresql(workers: list[Worker]) -> None:
    await rested(workers)
    hanging, heir = (worker.charge for worker in workers)
    before = hanging.counties
    gained: set[str] = set()
    for _ in range(2 * TENURE_MS // 1000):
        await asyncio.sleep(1)
        gained |= (await heir.renew()).gained
        if gained == before:
            break
    assert gained == before != set()


async def test_nothing_counts_twice_when_a_county_goes_to_another_worker_and_back(
    workers: list[Worker], where: Where
) -> None:
    async with asyncio.TaskGroup() as tasks:
        desks = [Desk(worker.database, where, worker.charge) for worker in workers]
        first, second = desks
        running = tasks.create_task(first.intake.run())
        while "371721" not in workers[0].charge.counties:
            await asyncio.sleep(0.01)
        assert ranges(await first.exchange(entry(1, *THREE)))[0] == [(1, 3)]
        running.cancel()
        await asyncio.wait({running})
        cut(where, await workers[0].pid())

        heir = tasks.create_task(second.intake.run())
        while "371721" not in workers[1].charge.counties:
            await asyncio.sleep(0.01)
        assert ranges(await second.exchange(entry(4, *THREE)))[0] == [(4, 6)]
        heir.cancel()
        await asyncio.wait({heir})

        # Back again, with a memory in which 4 to 6 were never given, and a session that is gone.
        again = tasks.create_task(first.intake.run())
        await asyncio.sleep(0.2)
        assert ranges(await first.exchange(entry(4, *THREE))) == ([], [], [])
        cut(where, await workers[1].pid())
        while "371721" not in workers[0].charge.counties:
            await asyncio.sleep(0.01)
        answers = await first.exchange(entry(4, *THREE), entry(7, *THREE))
        assert ranges(answers) == ([(4, 9)], [], [])
        again.cancel()
    assert first.tallied == (3, 3, 3)
