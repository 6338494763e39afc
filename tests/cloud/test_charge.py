"""Several workers on one PostgreSQL: who holds a county, who may commit for it, and what follows when one is lost."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import asyncpg
import pytest

from cloud.database import Database, fetch, open_database, unavailable
from cloud.ingest import charge
from cloud.ingest.charge import TENURE_MS, Change, Shared
from cloud.ledger.store import append
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
        self.counties = [*COUNTIES]
        self.charge = Shared(database.writer, lambda: self.counties)

    async def pid(self) -> int:
        async with self.database.writer.connect() as connection:
            return int((await fetch(connection, "SELECT pg_backend_pid()"))[0][0])


@pytest.fixture
async def workers(where: Where) -> AsyncIterator[list[Worker]]:
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(await open_database(where.database, sole=True)) for _ in range(2)]
        yield [Worker(database) for database in opened]


def cut(where: Where, pid: int) -> None:
    """End a session as PostgreSQL does when its client is gone."""
    assert where.query(f"SELECT pg_terminate_backend({pid})") == [(True,)]


async def rested(workers: list[Worker]) -> None:
    for _ in range(3):
        for worker in workers:
            await worker.charge.renew(able=True)


async def test_the_first_takes_all_and_shares_with_the_second(workers: list[Worker]) -> None:
    first, second = (worker.charge for worker in workers)
    assert (await first.renew(able=True)).gained == set(COUNTIES)
    assert (await second.renew(able=True)).gained == frozenset()
    await first.renew(able=True)
    gained = (await second.renew(able=True)).gained

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

    gained = (await heir.charge.renew(able=True)).gained
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
    await worker.charge.renew(able=True)
    cut(where, await worker.pid())
    with pytest.raises(Unavailable):
        await worker.charge.renew(able=True)

    change = await worker.charge.renew(able=True)

    assert change == Change(frozenset(COUNTIES), frozenset(), anew=True)
    assert (await worker.charge.renew(able=True)) == Change(frozenset(), frozenset())
    async with worker.database.writer.begin() as connection:
        await worker.charge.confirm(connection)


async def test_who_cannot_work_leaves_everything_to_the_others_and_takes_its_share_again(
    workers: list[Worker],
) -> None:
    await rested(workers)
    deaf, heir = (worker.charge for worker in workers)
    before = deaf.counties

    change = await deaf.renew(able=False)
    assert (change.lost, deaf.counties, deaf.feeds_series) == (before, frozenset(), False)
    assert (await heir.renew(able=True)).gained == before
    assert heir.feeds_series
    await deaf.renew(able=False)

    await rested(workers)
    assert {len(deaf.counties), len(heir.counties)} == {2}


async def test_a_county_that_is_new_is_taken_by_those_who_run(workers: list[Worker]) -> None:
    await rested(workers)
    for worker in workers:
        worker.counties.append("371799")
    await rested(workers)
    assert set().union(*(worker.charge.counties for worker in workers)) == {*COUNTIES, "371799"}


async def test_who_hangs_in_the_midst_of_a_statement_is_ended_by_the_others(
    workers: list[Worker], where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL waits for the rest of a statement for ever, with the ledger's lock in that session's hands."""
    monkeypatch.setattr(charge, "HUNG_S", 0.5)
    hanging, heir = workers
    await hanging.charge.renew(able=True)
    go_on = threading.Event()
    sent = threading.Event()

    def rows() -> Iterator[tuple[int, str]]:
        for number in range(1000):
            if number == 500:
                sent.set()
                go_on.wait()
            yield number, "x" * 2000

    async def hang(pid: int) -> None:
        """In a loop of its own, which stands still: on a session with the marks of the worker's."""
        connection = await asyncpg.connect(where.database)
        await connection.execute("SELECT pg_advisory_lock($1, $2)", charge._PRESENT, pid)
        await connection.execute("SELECT pg_advisory_lock($1, 371702)", charge._DUTY)
        await connection.execute("CREATE TABLE much (number BIGINT, text TEXT)")
        await connection.executemany("INSERT INTO much VALUES ($1, $2)", rows())

    cut(where, await hanging.pid())
    thread = threading.Thread(target=lambda: asyncio.run(suppressed(hang(1))))
    thread.start()
    try:
        await asyncio.to_thread(sent.wait)
        async with asyncio.timeout(10):
            while "371702" not in heir.charge.counties:
                await heir.charge.renew(able=True)
                await asyncio.sleep(0.1)
    finally:
        go_on.set()
        thread.join()
    assert where.query("SELECT count(*) FROM pg_tables WHERE tablename = 'much'") == [(1,)]
    assert where.query("SELECT count(*) FROM much") == [(0,)]


async def suppressed(work: Coroutine[Any, Any, None]) -> None:
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await work


async def test_who_waits_for_the_ledgers_lock_does_not_wait_for_ever(
    workers: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charge, "LOCK_MS", 100)
    await rested(workers)
    first, second = (worker.database for worker in workers)
    async with first.writer.begin() as holding:
        await append(holding, [])
        with pytest.raises(Unavailable, match="lock timeout"), unavailable():
            async with second.writer.begin() as connection:
                await append(connection, [])


@pytest.mark.parametrize("within", ["between transactions", "in a transaction"])
async def test_a_session_that_holds_counties_ends_when_it_says_nothing(
    workers: list[Worker], where: Where, monkeypatch: pytest.MonkeyPatch, within: str
) -> None:
    monkeypatch.setattr(charge, "TENURE_MS", 200)
    worker = workers[0]
    await worker.charge.renew(able=True)
    pid = await worker.pid()
    if within == "between transactions":
        await gone(where, pid)
    with pytest.raises(Unavailable), unavailable():
        await hang(worker.database, where, pid)
    assert await worker.pid() != pid


async def hang(database: Database, where: Where, pid: int) -> None:
    async with database.writer.begin() as connection:
        await fetch(connection, "SELECT 1")
        await gone(where, pid)
        await fetch(connection, "SELECT 1")


async def gone(where: Where, pid: int) -> None:
    """Wait until PostgreSQL has ended the session."""
    while (pid,) in where.query("SELECT pid FROM pg_stat_activity"):
        await asyncio.sleep(0.05)


async def test_a_city_that_opens_slowly_keeps_the_session_on_which_it_holds_nothing_yet(
    workers: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charge, "TENURE_MS", 200)
    worker = workers[0]
    pid = await worker.pid()
    await asyncio.sleep(1)
    assert await worker.pid() == pid
    assert (await worker.charge.renew(able=True)).gained == set(COUNTIES)


async def test_a_look_that_is_undone_is_no_tenure(
    workers: list[Worker], where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charge, "TENURE_MS", 200)
    worker = workers[0]
    with monkeypatch.context() as patch:
        patch.setattr(charge, "HELD", "SELECT 1 / 0")
        with pytest.raises(Unavailable):
            await worker.charge.renew(able=True)
    pid = await worker.pid()
    async with worker.database.writer.begin() as connection:
        with pytest.raises(Unavailable):
            await worker.charge.confirm(connection)

    await worker.charge.renew(able=True)

    assert await worker.pid() == pid
    await gone(where, pid)


@pytest.mark.timeout(60)
async def test_a_worker_that_hangs_is_ended_by_postgresql(workers: list[Worker]) -> None:
    await rested(workers)
    hanging, heir = (worker.charge for worker in workers)
    before = hanging.counties
    gained: set[str] = set()
    for _ in range(2 * TENURE_MS // 1000):
        await asyncio.sleep(1)
        gained |= (await heir.renew(able=True)).gained
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
