"""Commits as other processes hear of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.database import write
from cloud.ledger import follower as following
from cloud.ledger.cells import number_of
from cloud.ledger.commit import Commit, Counted, packed, unpacked
from cloud.ledger.follower import Follower
from contract.errors import Reason
from tests.cloud.conftest import NOW, Desk, entry
from tests.cloud.where import Where

COUNTS = st.integers(0, 2**40)
WINDOWS = st.sampled_from(["371721121-a1/01", "371702001-b7/x"])
TRIPLES = st.tuples(*[st.integers(0, 2**32 - 1)] * 3)
REASONS = st.dictionaries(st.sampled_from(list(Reason)), st.integers(-5, 2**40))


@given(
    st.builds(
        Commit,
        number=COUNTS,
        position=COUNTS,
        at=COUNTS,
        cells=st.dictionaries(st.tuples(WINDOWS, COUNTS), TRIPLES.map(number_of), max_size=5),
        newest=st.lists(st.builds(Counted, COUNTS, WINDOWS, st.integers(1, 3), st.just("button"), st.booleans())),
        delays=st.lists(COUNTS, max_size=5),
        quarantined=COUNTS,
        uncounted=st.integers(-5, 5),
        reasons=REASONS,
        held=REASONS,
    )
)
def test_a_commit_arrives_as_it_was_made(commit: Commit) -> None:
    assert unpacked(packed(commit)) == commit


class Heard(list[Commit]):
    """The commits heard, and how often all of them became uncertain."""

    losses = 0

    def lost(self) -> None:
        self.losses += 1


@asynccontextmanager
async def following_of(desk: Desk, after: int = 0) -> AsyncIterator[Heard]:
    heard = Heard()
    async with asyncio.TaskGroup() as tasks:
        follower = Follower(desk.database.reader, heard.append, lost=heard.lost, after=after)
        run = tasks.create_task(follower.run())
        yield heard
        run.cancel()


def end_sessions(where: Where) -> None:
    where.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND (query LIKE '%ledger_commit%' OR query LIKE 'LISTEN%')"
    )


async def until(heard: Heard, count: int) -> None:
    async with asyncio.timeout(10):
        while len(heard) < count:
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("where", ["postgresql"], indirect=True)
class TestOnPostgreSQL:
    async def test_every_commit_is_heard_in_order_with_all_that_it_brought(self, desk: Desk) -> None:
        async with following_of(desk) as heard:
            for number in range(5):
                await desk.exchange(entry(1 + number, ("01", 3), t0=NOW + number))
            await desk.exchange(b'{"kind":"nonsense"}')
            await until(heard, 6)
        assert [commit.number for commit in heard] == [1, 2, 3, 4, 5, 6]
        assert [(c.position, c.cells, c.newest, c.quarantined) for c in heard] == [
            (c.position, c.cells, c.newest, c.quarantined) for c in desk.commits
        ]

    async def test_who_comes_later_hears_what_came_after_it_loaded(self, desk: Desk) -> None:
        for number in range(3):
            await desk.exchange(entry(1 + number, ("01", 3)))
        async with following_of(desk, after=2) as heard:
            await until(heard, 1)
        assert [commit.number for commit in heard] == [3]

    async def test_a_follower_whose_sessions_are_ended_misses_nothing(self, desk: Desk, where: Where) -> None:
        async with following_of(desk) as heard:
            await desk.exchange(entry(1, ("01", 3)))
            await until(heard, 1)
            end_sessions(where)
            await desk.exchange(entry(2, ("01", 3)))
            await until(heard, 2)
        assert [commit.number for commit in heard] == [1, 2]

    async def test_a_server_that_lacks_the_last_commits_is_noticed_and_followed(self, desk: Desk, where: Where) -> None:
        """As after a failover to a replica that was behind, or a restore: numbers are given again."""
        async with following_of(desk) as heard:
            for number in range(4):
                await desk.exchange(entry(1 + number, ("01", 3)))
            await until(heard, 4)
            assert heard.losses == 0
            async with desk.database.writer.begin() as connection:
                await write(connection, "DELETE FROM ledger_commit WHERE number > 2")
                await write(connection, "UPDATE ledger_head SET commits = 2")
            end_sessions(where)
            while not heard.losses:
                await asyncio.sleep(0.005)
            await desk.exchange(entry(5, ("01", 3)))
            await until(heard, 5)
        assert [commit.number for commit in heard] == [1, 2, 3, 4, 3]

    async def test_who_begins_on_a_server_that_knows_less_hears_of_it(self, desk: Desk) -> None:
        async with following_of(desk, after=7) as heard:
            while not heard.losses:
                await asyncio.sleep(0.005)
            await desk.exchange(entry(1, ("01", 3)))
            await until(heard, 1)
        assert [commit.number for commit in heard] == [1]

    async def test_the_bell_says_at_once_when_to_look(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(following, "LOOK_S", 600.0)
        async with following_of(desk) as heard:
            await desk.exchange(entry(1, ("01", 3)))
            await until(heard, 1)
            await desk.exchange(entry(2, ("01", 3)))
            await until(heard, 2)

    async def test_a_server_that_does_not_answer_is_trouble(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(following, "READ_S", 0.05)
        monkeypatch.setattr(following, "SINCE", "SELECT 1, pg_sleep(3) WHERE CAST(:number AS BIGINT) = 0 LIMIT :limit")
        follower = Follower(desk.database.reader, lambda _: None, lost=lambda: None, after=0)
        async with asyncio.TaskGroup() as tasks:
            run = tasks.create_task(follower.run())
            while follower.trouble is None:
                await asyncio.sleep(0.01)
            run.cancel()
        assert "no answer" in follower.trouble

    async def test_commits_that_nobody_needs_any_more_are_pruned(
        self, desk: Desk, where: Where, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(following, "_PRUNE_EVERY", 2)
        monkeypatch.setattr(following, "KEPT", 3)
        for number in range(8):
            await desk.exchange(entry(1 + number, ("01", 3)))
        assert where.query("SELECT number FROM ledger_commit ORDER BY number") == [(6,), (7,), (8,)]
