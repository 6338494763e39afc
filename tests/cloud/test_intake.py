"""The pipeline on a real database: commit before ack, each number once, and a database that fails."""

import asyncio
import sqlite3
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.ingest import intake as pipeline
from cloud.ingest import turns
from cloud.ingest.committer import Committer, Outcome
from cloud.ingest.reading import Reading
from cloud.ledger import admission, store
from cloud.ledger import memory as remembering
from cloud.ledger.cells import ONE, rated
from cloud.ledger.rules import Fold, Verified
from cloud.quarantine.rules import Poison
from cloud.registry.snapshot import Registry
from cloud.tallies import store as tallies
from contract.ack import Ack
from contract.batch import Batch, StreamKey
from contract.bundle import unpack
from contract.codec import decode
from contract.errors import Unavailable
from contract.hello import Stream, Welcome
from contract.ranges import Ranges
from proof.ledger import gapless, read
from proof.tallies import differences
from tests.cloud.conftest import EPOCH, GATEWAY, NODE, NOW, Desk, Said, entry, hello, open_desk, ranges, registry_of
from tests.cloud.where import Where

ZONE = ZoneInfo("Asia/Shanghai")
THREE = (("01", 3), ("02", 2), ("01", 1))


def acked_before_commit(desk: Desk) -> list[tuple[int, int]]:
    """Watch every publish from now on: the settled ranges that the database does not hold at that moment."""
    early: list[tuple[int, int]] = []

    def look(said: Said) -> None:
        held = desk.query("SELECT first, last FROM ledger_entry WHERE kind = 'batch'")
        pairs = [(int(first), int(last)) for first, last in held]
        for answer in (decode(one.body) for one in unpack(said.payload)):
            if isinstance(answer, Ack):
                early.extend(pair for pair in answer.settled if not Ranges(pairs).covers(*pair))

    desk.on_publish = look
    return early


async def test_a_batch_is_in_ledger_and_tallies_when_it_is_acknowledged(desk: Desk) -> None:
    early = acked_before_commit(desk)

    assert ranges(await desk.exchange(entry(1, *THREE))) == ([(1, 3)], [], [])
    assert early == []
    assert desk.tallied == (1, 1, 1)
    assert [(c.position, rated(c.cells), len(c.delays)) for c in desk.commits] == [(1, 3, 3)]
    assert [r.counted for r in read(desk.path)] == [True, True, True]


async def test_an_ack_without_a_commit_would_be_seen(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lie(_self: Committer, _reading: Reading, _fold: Fold, _poisons: Sequence[Poison]) -> None:
        """Commit nothing."""

    monkeypatch.setattr(Committer, "_write", lie)
    early = acked_before_commit(desk)

    await desk.exchange(entry(1, *THREE))

    assert early == [(1, 3)]


async def test_resends_and_overlaps_count_once_and_positions_have_no_gap(desk: Desk) -> None:
    first, second, both = entry(1, *THREE), entry(4, ("01", 3)), entry(3, ("01", 1), ("01", 3), ("02", 3))
    desk.send(first, first)
    desk.send(second, first, lane="backlog")
    desk.send(both)

    assert Ranges(ranges(await desk.settled())[0]).pairs == ((1, 5),)
    assert ranges(await desk.exchange(first)) == ([(1, 3)], [], [])
    assert desk.tallied == (3, 1, 1)
    assert gapless(desk.path)
    assert differences(desk.path, ZONE) == []


async def test_a_resend_that_is_known_byte_for_byte_costs_no_verification(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.exchange(entry(1, *THREE))
    monkeypatch.setattr("cloud.ingest.reading.signed", lambda *_: pytest.fail("verified again"))

    assert ranges(await desk.exchange(entry(1, *THREE))) == ([(1, 3)], [], [])
    assert len(desk.commits) == 1


async def test_after_a_restart_the_city_knows_what_it_holds(where: Where) -> None:
    async with open_desk(where) as before:
        await before.exchange(entry(1, *THREE), entry(7, ("01", 3)))
    async with open_desk(where) as after:
        assert ranges(await after.exchange(entry(1, *THREE))) == ([(1, 3)], [], [])
        assert ranges(await after.exchange(entry(4, ("02", 3)))) == ([(4, 4)], [], [])
        assert ranges(await after.exchange(entry(7, ("01", 1))))[1] == [(7, 7, "conflict")]
        assert after.tallied == (3, 1, 1)
        assert gapless(after.path)


def failing(times: int, monkeypatch: pytest.MonkeyPatch, *, after: bool) -> None:
    """Make the next `times` commits fail, before they are made or `after`."""
    left = [times]
    add = tallies.add
    committed = remembering.Memory.committed

    async def add_or_fail(connection: AsyncConnection, *rest: object) -> None:
        if not after and left[0]:
            left[0] -= 1
            await connection.execute(text("SELECT no_such_column"))
        await add(connection, *rest)  # type: ignore[arg-type]

    def committed_or_fail(self: remembering.Memory, known: dict[StreamKey, Ranges], entries: list[Verified]) -> None:
        if after and left[0]:
            left[0] -= 1
            raise Unavailable("the connection went as the commit came back")
        committed(self, known, entries)

    monkeypatch.setattr(tallies, "add", add_or_fail)
    monkeypatch.setattr(remembering.Memory, "committed", committed_or_fail)
    monkeypatch.setattr(pipeline, "FIRST_RETRY_S", 0.01)


@pytest.mark.parametrize("after", [False, True], ids=["rolled back", "committed all the same"])
async def test_a_failing_commit_acknowledges_nothing_and_is_retried_without_counting_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    await desk.exchange(entry(1, *THREE))
    early = acked_before_commit(desk)
    failing(3, monkeypatch, after=after)

    answers = await desk.exchange(entry(4, *THREE), entry(1, *THREE))

    assert ranges(answers) == ([(1, 6)], [], [])
    assert early == []
    assert desk.tallied == (2, 2, 2)
    assert gapless(desk.path)
    assert differences(desk.path, ZONE) == []
    assert desk.intake.trouble is None


# A page limit is SQLite's; PostgreSQL stops and starts in test_postgresql.py.
@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
async def test_a_full_disk_is_told_and_waited_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "FIRST_RETRY_S", 0.01)
    async with desk.database.writer.connect() as connection:
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    many = [entry(1 + n * 3, *THREE) for n in range(200)]
    desk.send(*many)
    while desk.intake.trouble is None:
        await asyncio.sleep(0.001)

    assert "full" in desk.intake.trouble
    assert desk.intake.out_of_room
    assert desk.said == []
    assert desk.query("SELECT count(*) FROM ledger_entry") == [(0,)]

    async with desk.database.writer.connect() as connection:
        await connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert ranges(await desk.settled())[0] == [(1, 600)]
    assert desk.tallied == (200, 200, 200)
    assert not desk.intake.out_of_room


async def test_somebody_elses_entry_is_noticed_and_read_before_anything_is_judged(
    desk: Desk, where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "FIRST_RETRY_S", 0.01)
    await desk.exchange(entry(1, *THREE))
    async with open_desk(where) as other:
        await other.exchange(entry(4, *THREE))

    assert ranges(await desk.exchange(entry(4, *THREE), entry(7, *THREE))) == ([(4, 9)], [], [])
    assert desk.tallied == (3, 3, 3)
    assert gapless(desk.path)


async def test_a_gateways_hello_is_answered_with_what_the_ledger_holds_and_the_time(desk: Desk) -> None:
    key = StreamKey(NODE, EPOCH)
    foreign = Stream("371721122-b2", EPOCH, [(1, 9)])
    asked: list[tuple[StreamKey, Ranges]] = []
    desk.intake.on_asked = lambda stream, numbers: asked.append((stream, numbers))

    answers = await desk.exchange(entry(1, *THREE), hello(GATEWAY, Stream(*key, [(1, 9)]), foreign))

    (welcome,) = (answer for answer in answers if isinstance(answer, Welcome))
    assert (welcome.to, welcome.nonce, welcome.by, welcome.clock.at) == (GATEWAY, "n1", "city-00001", NOW)
    assert [(ack.stream, ack.settled) for ack in welcome.streams] == [(key, [(1, 3)]), (foreign.key, [])]
    assert asked == [(key, Ranges([(1, 3)]))]


async def test_a_nodes_hello_is_kept_and_an_older_one_does_not_replace_it(desk: Desk) -> None:
    assert await desk.exchange(hello(NODE, last=9), hello(NODE, last=4)) == []
    assert desk.query("SELECT node, epoch, last FROM hello") == [(NODE, EPOCH, 9)]


async def test_held_rows_count_in_their_minute_once_their_window_is_registered(desk: Desk) -> None:
    await desk.exchange(entry(1, ("09", 3), ("01", 3), ("10", 1), t0=NOW - 86_400_000))
    assert desk.tallied == (1, 0, 0)
    before = desk.query("SELECT * FROM ledger_entry")

    desk.registry = registry_of("01", "02", "09")
    desk.intake.admit()
    while len(desk.commits) < 2:
        await asyncio.sleep(0.001)

    assert desk.tallied == (2, 0, 0)
    assert [(c.position, dict(c.cells), c.uncounted) for c in desk.commits[1:]] == [
        (2, {(f"{NODE}/09", (NOW - 86_400_000) // 60_000): ONE[3]}, -1)
    ]
    assert desk.query("SELECT * FROM ledger_entry WHERE position = 1") == before
    assert differences(desk.path, ZONE) == []
    assert gapless(desk.path)
    desk.intake.admit()
    await desk.exchange(entry(4, ("01", 3)))
    assert desk.tallied == (3, 0, 0)


async def test_an_admission_that_fails_is_tried_again_and_counts_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.exchange(entry(1, ("09", 3), ("09", 1)))
    failing(2, monkeypatch, after=False)
    desk.registry = registry_of("01", "02", "09")
    desk.intake.admit()
    while len(desk.commits) < 2:
        await asyncio.sleep(0.001)

    assert desk.tallied == (1, 0, 1)
    assert gapless(desk.path)
    assert differences(desk.path, ZONE) == []


async def test_memory_is_bounded_and_what_it_forgot_is_read_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "MAX_STREAMS", 2)
    monkeypatch.setattr(remembering, "MAX_BATCHES", 2)
    sent = [entry(1, *THREE, epoch=letter * 10) for letter in "ABCDE"]
    for one in (*sent, *sent):
        assert ranges(await desk.exchange(one)) == ([(1, 3)], [], [])

    assert len(desk.memory.batches) == 2
    assert desk.tallied == (5, 5, 5)


@pytest.mark.parametrize("change", ["UPDATE ledger_entry SET lane = 'live'", "DELETE FROM ledger_entry"])
async def test_the_database_refuses_to_change_or_delete_a_ledger_entry(desk: Desk, change: str) -> None:
    await desk.exchange(entry(1, *THREE))

    with pytest.raises((sqlite3.IntegrityError, asyncpg.RaiseError), match="never changed"):
        desk.query(change)
    assert len(list(read(desk.path))) == 3


async def test_live_goes_before_backlog(where: Where, monkeypatch: pytest.MonkeyPatch) -> None:
    # Of two that read at once either may be the first to be ready; which is begun first is what this is about.
    monkeypatch.setattr(pipeline, "READERS", 1)
    async with open_desk(where) as desk:
        for first in (1, 4, 7):
            desk.send(entry(first, *THREE), lane="backlog")
        desk.send(entry(10, *THREE), lane="live")
        await desk.settled()

        assert desk.query("SELECT first, lane FROM ledger_entry ORDER BY position")[0] == (10, "live")


async def test_what_finds_no_room_is_dropped_unanswered_and_counted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = entry(1, *THREE)
    monkeypatch.setattr(pipeline, "QUEUE_BYTES", len(one))
    desk.send(one)
    desk.send(entry(4, *THREE))

    assert ranges(await desk.settled()) == ([(1, 3)], [], [])
    assert desk.intake.dropped == 1


async def test_stop_settles_and_answers_what_was_taken(where: Where) -> None:
    async with open_desk(where) as desk:
        desk.send(entry(1, *THREE))
        desk.intake.stop()
        desk.send(entry(4, *THREE))
        assert ranges(await desk.settled())[0] == [(1, 3)]


async def test_what_arrives_during_a_commit_goes_together_into_the_next(desk: Desk) -> None:
    for number in range(200):
        desk.send(entry(1 + number, ("01", 3)))
    settled = ranges(await desk.settled())[0]

    assert Ranges(settled).pairs == ((1, 200),)
    assert len(desk.commits) < 20


async def test_hellos_about_much_are_settled_a_few_at_a_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking up what they ask about takes time, in which a worker must go on showing that it lives."""
    monkeypatch.setattr(turns, "GROUP_ROWS", 100)
    groups: list[int] = []
    settle = desk.committer.settle

    async def counted(reading: Reading, registry: Registry) -> Outcome:
        groups.append(len(reading.hellos))
        return await settle(reading, registry)

    monkeypatch.setattr(desk.committer, "settle", counted)
    for number in range(40):
        streams = [Stream(NODE, f"epoch{number:02d}{index:03d}", [(1, 1)]) for index in range(50)]
        desk.send(hello(GATEWAY, *streams))
    await desk.settled()

    assert sum(groups) == 40
    # A chunk that was read in one go stays together.
    assert max(groups) <= pipeline.CHUNK_PAYLOADS


async def test_a_resend_is_compared_in_one_question_for_each_run_of_numbers(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(300):
        desk.send(entry(1 + number, ("01", 3)))
    await desk.settled()
    desk.memory.forget()
    asked: list[tuple[int, int]] = []
    overlapping = store.overlapping

    async def counted(connection: AsyncConnection, stream: StreamKey, first: int, last: int) -> dict[int, Batch]:
        asked.append((first, last))
        return await overlapping(connection, stream, first, last)

    monkeypatch.setattr(store, "overlapping", counted)
    for number in range(300):
        desk.send(entry(1 + number, ("01", 3)))
    desk.send(entry(301, ("01", 1)))

    assert Ranges(ranges(await desk.settled())[0]).pairs == ((1, 301),)
    assert len(asked) < 30
    assert desk.tallied == (300, 0, 1)


async def test_ratings_do_not_wait_for_a_long_admission(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "PAGE", 1)
    for number in range(60):
        desk.send(entry(1 + number, ("09", 3)))
    await desk.settled()
    desk.registry = registry_of("01", "02", "09")
    before = len(desk.commits)
    desk.intake.admit()
    while len(desk.commits) == before:
        await asyncio.sleep(0.001)
    await desk.exchange(entry(100, ("01", 1)))
    between = sum(commit.uncounted < 0 for commit in desk.commits)
    while sum(commit.uncounted < 0 for commit in desk.commits) < 60:
        await asyncio.sleep(0.001)

    assert between < 60
    assert desk.tallied == (60, 0, 1)
    assert differences(desk.path, ZONE) == []
