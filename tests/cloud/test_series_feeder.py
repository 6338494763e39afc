"""Feeding a real InfluxDB from the ledger: what counts, once, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from cloud.calendar import MINUTE_MS
from cloud.database import Database
from cloud.ledger import pages
from cloud.ledger.admission import Admission
from cloud.ledger.rules import Held
from cloud.ledger.store import append, hold
from cloud.series import store
from cloud.series.feeder import Feeder
from cloud.series.influx import Influx, Reject
from cloud.series.lines import DAY_MS, FOREVER, NS_A_MS, RAW, RAW_DAYS
from contract.batch import Batch
from contract.errors import Reason
from contract.rating import Quality, Row
from firmware_sim.servers.influx import Influx as Server
from proof.scores import Counts
from tests.cloud.fed import feeder_of, influx_at, numbers, reconciled, refused, total
from tests.cloud.filled import CALENDAR, EPOCH, NOON, batch_entry, fill

pytestmark = pytest.mark.timeout(60)
NODE = "371721121-a1"
WINDOW = f"{NODE}/01"
MINUTE = NOON // MINUTE_MS


@pytest.fixture
async def there(influx: Server, influx_database: str) -> AsyncIterator[Influx]:
    async with influx_at(influx, influx_database) as opened:
        yield opened


def batch(first: int, count: int, *, t0: int = NOON) -> Batch:
    rows = [Row(index * 5, "01", 1 + (first + index) % 3, 2) for index in range(count)]
    return Batch(1, NODE, EPOCH, first, t0, Quality.SYNCHRONISED, rows)


async def test_a_number_that_was_given_before_is_left_out_wherever_the_feeder_began(
    database: Database, there: Influx
) -> None:
    async with database.writer.begin() as connection:
        await append(connection, [batch_entry(batch(1, 10))])
        await append(connection, [batch_entry(batch(6, 10, t0=NOON + 60_000)), batch_entry(batch(30, 3))])
    await feeder_of(database, there).feed()
    assert await numbers(there) == [*range(1, 16), 30, 31, 32]
    async with database.writer.begin() as connection:
        # Into the gap, over both of its ends; and behind everything.
        await append(connection, [batch_entry(batch(14, 18, t0=NOON + 90_000)), batch_entry(batch(32, 2, t0=NOON + 1))])
    fresh = feeder_of(database, there)
    await fresh.feed()
    assert fresh.behind == 0
    assert await numbers(there) == list(range(1, 34))
    assert await total(there, f"SELECT count(n) FROM raw.rating WHERE time >= {(NOON + 90_000) * NS_A_MS}") == 14  # noqa: S608


async def test_held_rows_come_with_their_admission(database: Database, there: Influx) -> None:
    async with database.writer.begin() as connection:
        head = await append(connection, [batch_entry(batch(1, 6))])
        unknown = [Held(0, row, Reason.UNKNOWN_WINDOW, WINDOW) for row in (1, 4)]
        await hold(connection, [*unknown, Held(0, 5, Reason.CONFLICT, WINDOW)], head.position)
    feeder = feeder_of(database, there)
    await feeder.feed()
    assert await numbers(there) == [1, 3, 4]
    async with database.writer.begin() as connection:
        await append(connection, [Admission([(head.position, 1), (head.position, 4)], {}, {}).entry(NOON)])
    await feeder.feed()
    assert await numbers(there) == [1, 2, 3, 4, 5]


async def test_what_is_older_than_the_retention_is_counted_and_only_in_the_sums(
    database: Database, there: Influx
) -> None:
    day = 24 * 60
    cells: dict[tuple[str, int], Counts] = {
        (WINDOW, MINUTE): (1, 2, 3),
        (WINDOW, MINUTE - (RAW_DAYS + 2) * day): (4, 0, 0),
    }
    await fill(database, cells, CALENDAR)
    feeder = feeder_of(database, there)
    await feeder.feed()
    assert (feeder.skipped, feeder.rejected) == (4, 0)
    assert await total(there) == 6
    assert await total(there, "SELECT sum(satisfied) FROM forever.rating_1d") == 5
    assert await total(there, "SELECT sum(satisfied) FROM forever.rating_1h") == 5


async def test_the_feeder_keeps_what_influxdb_refuses_and_goes_on(database: Database, there: Influx) -> None:
    await there.prepare()
    # Somebody has made the field another kind.
    await there.ask("DROP MEASUREMENT rating")
    assert await there.write(RAW, [f'rating,window=w seq="text" {NOON * NS_A_MS}']) == []
    await fill(database, {(WINDOW, MINUTE): (2, 0, 1)}, CALENDAR)
    feeder = feeder_of(database, there)
    await feeder.feed()
    assert (feeder.rejected, feeder.behind) == (3, 0)
    kept = await refused(database)
    assert len(kept) == 3
    assert all(f"window={WINDOW}" in line for line in kept)
    assert await total(there, "SELECT sum(satisfied) FROM forever.rating_1d") == 2


async def test_only_the_newest_rejects_are_kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "REJECTS_KEPT", 10)
    for turn in range(4):
        async with database.writer.begin() as connection:
            await store.reject(connection, [Reject(f"{turn} {n}", "why") for n in range(7)], NOON)
    assert await refused(database) == [*(f"2 {n}" for n in (4, 5, 6)), *(f"3 {n}" for n in range(7))]


async def test_refused_points_are_tried_again_until_they_are_taken(database: Database, there: Influx) -> None:
    await fill(database, {(WINDOW, MINUTE): (2, 0, 1)}, CALENDAR)
    feeder = feeder_of(database, there)
    await feeder.feed()
    # Somebody has made a field another kind, in a week that has no ratings yet.
    at = NOON - 8 * DAY_MS
    assert await there.write(RAW, [f'rating,window=w seq="text" {at * NS_A_MS}']) == []
    await fill(database, {(WINDOW, at // MINUTE_MS): (4, 0, 3)}, CALENDAR, epoch="another-00")
    await feeder.feed()
    assert feeder.rejected == len(await refused(database)) == 7
    for _ in range(2):
        account = await reconciled(database, there)
        assert not account.equal
        assert (account.ratings.missing, account.refused, len(await refused(database))) == (7, 7, 7)
    week = datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    shards = [row for rows in await there.ask("SHOW SHARDS") for row in rows.named()]
    (shard,) = [
        row["id"]
        for row in shards
        if (row["database"], row["retention_policy"]) == (there._database, RAW)
        and row["start_time"] <= week < row["end_time"]
    ]
    await there.ask(f"DROP SHARD {shard}")
    account = await reconciled(database, there)
    assert (account.equal, account.ratings.missing, account.refused) == (False, 7, 0)
    assert (await total(there), await refused(database)) == (10, [])
    assert (await reconciled(database, there)).equal


async def test_of_two_feeders_only_one_moves_the_cursor_and_neither_backwards(
    database: Database, there: Influx
) -> None:
    await fill(database, {(WINDOW, MINUTE + n): (3, 0, 0) for n in range(600)}, CALENDAR)
    one, other = feeder_of(database, there), feeder_of(database, there)
    page = await one._read(0)
    assert page is not None
    await other.feed()
    assert not await one._write(page, roll=True)
    assert other.behind == 0
    async with database.reader.begin() as connection:
        assert await store.cursor(connection) == other.fed
    await one.feed()
    assert (one.fed, one.behind) == (other.fed, 0)
    assert await total(there) == 1_800
    assert (await reconciled(database, there)).equal


async def test_sums_that_a_slower_feeder_wrote_last_are_not_left_older_than_the_tallies(
    database: Database, influx: Server, influx_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database, {(WINDOW, MINUTE): (3, 0, 0)}, CALENDAR)
    async with influx_at(influx, influx_database) as slow, influx_at(influx, influx_database) as quick:
        other, met, write_lines = feeder_of(database, quick), False, slow.write

        async def late(policy: str, lines: list[str]) -> list[Reject]:
            nonlocal met
            if policy == FOREVER and not met:
                met = True
                await other.feed()
                await fill(database, {(WINDOW, MINUTE + 1): (0, 5, 0)}, CALENDAR, epoch="another-00")
                await other.feed()
            return await write_lines(policy, lines)

        monkeypatch.setattr(slow, "write", late)
        await feeder_of(database, slow).feed()
        assert met
        assert await total(quick, "SELECT sum(basic) FROM forever.rating_1d") == 5
        assert (await reconciled(database, quick)).equal


async def test_who_loses_the_duty_writes_no_more_pages_and_no_more_sums(
    database: Database, there: Influx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "ROWS_A_PAGE", 20)
    for turn in range(3):
        await fill(database, {(WINDOW, MINUTE + turn): (15, 0, 0)}, CALENDAR, epoch=f"epoch-000{turn}")
    written: list[str] = []
    write_lines, duty = there.write, 2

    async def counted(policy: str, lines: list[str]) -> list[Reject]:
        nonlocal duty
        written.append(policy)
        duty -= policy == RAW
        return await write_lines(policy, lines)

    monkeypatch.setattr(there, "write", counted)
    feeder = Feeder(database, there, calendar=CALENDAR, now=lambda: NOON, may_feed=lambda: duty > 0)
    await feeder.feed()
    assert (written, feeder.fed) == ([RAW, FOREVER, RAW], 1)
    await feeder.feed()
    assert written == [RAW, FOREVER, RAW]
    duty = 9
    await feeder.feed()
    assert (await reconciled(database, there)).equal


async def test_a_process_without_the_duty_feeds_nothing(database: Database, there: Influx) -> None:
    await fill(database, {(WINDOW, MINUTE): (1, 0, 0)}, CALENDAR)
    duty = False
    feeder = Feeder(database, there, calendar=CALENDAR, now=lambda: NOON, may_feed=lambda: duty, pace_s=0.01)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(feeder.run())
        await asyncio.sleep(0.3)
        assert (feeder.fed, feeder.behind, feeder.trouble) == (0, 0, None)
        duty = True
        feeder._news.set()
        while feeder.fed == 0:
            await asyncio.sleep(0.01)
        running.cancel()
    assert await total(there) == 1
