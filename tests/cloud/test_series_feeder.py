"""Feeding a real InfluxDB from the ledger: what counts and nothing else, through refusals, outages and kills."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cloud.calendar import HOUR_MS, MINUTE_MS, Calendar
from cloud.database import Database
from cloud.ledger.admission import Admission
from cloud.ledger.rules import Held
from cloud.ledger.store import append, hold
from cloud.series import influx as influx_module
from cloud.series import remote, store
from cloud.series.feeder import Feeder
from cloud.series.influx import Influx, Reject
from cloud.series.lines import FOREVER, NS_A_MS, RAW, RAW_DAYS
from cloud.series.opening import influx_of
from cloud.series.reconcile import Reconciler
from cloud.settings import SeriesSettings
from contract.batch import Batch
from contract.errors import Reason, Unavailable
from contract.rating import Quality, Row
from firmware_sim.servers.influx import Influx as Server
from proof.scores import Counts
from tests.cloud.filled import EPOCH, batch_entry, fill

pytestmark = pytest.mark.timeout(60)
CALENDAR = Calendar("Asia/Shanghai")
NOON = CALENDAR.start("2026-11-22") + 12 * HOUR_MS
NODE = "371721121-a1"
WINDOW = f"{NODE}/01"
MINUTE = NOON // MINUTE_MS


def settings_of(server: Server, database: str) -> SeriesSettings:
    return SeriesSettings(kind="influx", url=server.url, database=database, token_file=str(server.token_file))


def feeder_of(database: Database, influx: Influx) -> Feeder:
    return Feeder(database, influx, calendar=CALENDAR, now=lambda: NOON, pace_s=0.05)


@pytest.fixture
async def there(influx: Server, influx_database: str) -> AsyncIterator[Influx]:
    async with influx_of(settings_of(influx, influx_database)) as opened:
        yield opened


@asynccontextmanager
async def own_server(folder: Path) -> AsyncIterator[Server]:
    """A server that a test may hurt."""
    server = Server(folder / "influx")
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def numbers(influx: Influx) -> list[int]:
    """The numbers of all ratings in the series."""
    found = await influx.ask("SELECT seq FROM raw.rating")
    return sorted(row[1] for rows in found for row in rows.values)


async def total(influx: Influx, statement: str = "SELECT count(n) FROM raw.rating") -> int:
    found = await influx.ask(statement)
    return int(found[0].values[0][1]) if found else 0


def told(feeder: Feeder) -> str:
    return feeder.trouble or ""


async def equal(database: Database, influx: Influx) -> bool:
    def nobody(*_: object) -> None: ...

    reconciler = Reconciler(database, influx, calendar=CALENDAR, now=lambda: NOON, tell=nobody, name=nobody)
    return (await reconciler.run(every_point=True)).equal


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
        await append(connection, [Admission([(head.position, 1), (head.position, 4)], {}).entry(NOON)])
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


async def test_refused_lines_are_known_one_by_one_and_every_other_one_is_stored(there: Influx) -> None:
    await there.prepare()
    good = [f"rating,window=w n=1i,presses=1i,seq={n}i {NOON * NS_A_MS + n}" for n in range(7_000)]
    assert await there.write(RAW, good[:1]) == []
    bad = [
        "rating,window=w n=1i 1000",
        f"rating,window=w n=1.5 {NOON * NS_A_MS + 9_000}",
        "no line at all",
        "rating,window=w n= 17 dropped=7003",
    ]
    mixed = list(good)
    for at, line in zip((0, 2_500, 2_500, 6_999), bad, strict=True):
        mixed.insert(at, line)
    rejects = await there.write(RAW, mixed)
    assert sorted(reject.line for reject in rejects) == sorted(bad)
    reasons = {reject.line: reject.reason for reject in rejects}
    assert "beyond retention policy" in reasons[bad[0]]
    assert "field type conflict" in reasons[bad[1]]
    assert "unable to parse" in reasons[bad[2]]
    assert await numbers(there) == list(range(7_000))


async def test_a_part_that_is_refused_as_a_whole_is_not_asked_about_line_by_line(
    there: Influx, monkeypatch: pytest.MonkeyPatch
) -> None:
    await there.prepare()
    asked = 0
    send = there._send

    async def counted(policy: str, lines: list[str]) -> str | None:
        nonlocal asked
        asked += 1
        return await send(policy, lines)

    monkeypatch.setattr(there, "_send", counted)
    rejects = await there.write(RAW, [f"rating,window=w n=1i {n}" for n in range(12_000)])
    assert (len(rejects), asked) == (12_000, 3)


async def test_the_feeder_keeps_what_influxdb_refuses_and_goes_on(database: Database, there: Influx) -> None:
    await there.prepare()
    # Somebody has made the field another kind.
    await there.ask("DROP MEASUREMENT rating")
    assert await there.write(RAW, [f'rating,window=w seq="text" {NOON * NS_A_MS}']) == []
    await fill(database, {(WINDOW, MINUTE): (2, 0, 1)}, CALENDAR)
    feeder = feeder_of(database, there)
    await feeder.feed()
    assert (feeder.rejected, feeder.behind) == (3, 0)
    async with database.reader.begin() as connection:
        kept = await store.rejected(connection)
        assert len(kept) == 3
        assert all(f"window={WINDOW}" in line for line in kept)
    assert await total(there, "SELECT sum(satisfied) FROM forever.rating_1d") == 2


async def test_only_the_newest_rejects_are_kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "REJECTS_KEPT", 10)
    for turn in range(4):
        async with database.writer.begin() as connection:
            await store.reject(connection, [Reject(f"{turn} {n}", "why") for n in range(7)], NOON)
    async with database.reader.begin() as connection:
        assert await store.rejected(connection) == {f"3 {n}" for n in range(7)} | {f"2 {n}" for n in (4, 5, 6)}


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
    assert await equal(database, there)


async def test_a_process_without_the_duty_feeds_nothing(database: Database, there: Influx) -> None:
    await fill(database, {(WINDOW, MINUTE): (1, 0, 0)}, CALENDAR)
    duty = False
    feeder = Feeder(database, there, calendar=CALENDAR, now=lambda: NOON, may_feed=lambda: duty, pace_s=0.01)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(feeder.run())
        await asyncio.sleep(0.3)
        assert (feeder.fed, feeder.behind, told(feeder)) == (0, 0, "")
        duty = True
        feeder._news.set()
        while feeder.fed == 0:
            await asyncio.sleep(0.01)
        running.cancel()
    assert await total(there) == 1


async def test_without_influxdb_nothing_but_the_series_waits_and_it_heals_by_itself(
    database: Database, tmp_path: Path
) -> None:
    async with own_server(tmp_path) as server, influx_of(settings_of(server, "manyi")) as influx:
        feeder = feeder_of(database, influx)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(feeder.run())
            await fill(database, {(WINDOW, MINUTE): (2, 0, 0)}, CALENDAR, epoch="epoch-0000")
            feeder._news.set()
            while feeder.fed == 0:
                await asyncio.sleep(0.01)
            await server.go_away()
            for turn in range(1, 6):
                cells: dict[tuple[str, int], Counts] = {(WINDOW, MINUTE + turn): (0, turn, 0)}
                await fill(database, cells, CALENDAR, epoch=f"epoch-000{turn}")
                feeder._news.set()
            while not told(feeder):
                await asyncio.sleep(0.01)
            assert "influxdb" in told(feeder)
            with pytest.raises(Unavailable):
                await influx.ask("SELECT count(n) FROM raw.rating")
            await server.come_back()
            while told(feeder) or feeder.behind:
                await asyncio.sleep(0.05)
            running.cancel()
        assert feeder.rejected == 0
        assert await total(influx) == 2 + 15
        assert await equal(database, influx)


async def test_an_influxdb_that_hangs_is_not_waited_for(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PATIENCE_S", 0.3)
    monkeypatch.setattr(influx_module, "WRITE_S", 0.5)
    async with own_server(tmp_path) as server, influx_of(settings_of(server, "manyi")) as influx:
        feeder = feeder_of(database, influx)
        await fill(database, {(WINDOW, MINUTE): (1, 0, 0)}, CALENDAR)
        await feeder.feed()
        series = remote.Remote(influx, CALENDAR)
        assert await series.minutes("city", MINUTE, MINUTE) == {MINUTE: (1, 0, 0)}
        server.pause()
        await fill(database, {(WINDOW, MINUTE + 1): (0, 1, 0)}, CALENDAR, epoch="epoch-0001")
        with pytest.raises(Unavailable, match="no answer"):
            await series.minutes("city", MINUTE, MINUTE)
        with pytest.raises(Unavailable):
            await feeder.feed()
        server.resume()
        await feeder.feed()
        assert await series.minutes("city", MINUTE, MINUTE + 1) == {MINUTE: (1, 0, 0), MINUTE + 1: (0, 1, 0)}


async def test_what_influxdb_has_acknowledged_outlives_its_death(database: Database, tmp_path: Path) -> None:
    async with own_server(tmp_path) as server, influx_of(settings_of(server, "manyi")) as influx:
        feeder = feeder_of(database, influx)
        for turn in range(3):
            cells: dict[tuple[str, int], Counts] = {(WINDOW, MINUTE + turn * 50 + n): (3, 2, 1) for n in range(40)}
            await fill(database, cells, CALENDAR, epoch=f"epoch-000{turn}")
            await feeder.feed()
            assert feeder.behind == 0
            server.kill()
            await server.come_back()
        assert await total(influx) == 3 * 40 * 6
        assert await equal(database, influx)


async def test_a_dropped_database_is_made_again(database: Database, there: Influx, influx_database: str) -> None:
    await fill(database, {(WINDOW, MINUTE): (1, 0, 0)}, CALENDAR)
    feeder = feeder_of(database, there)
    await feeder.feed()
    await there.ask(f'DROP DATABASE "{influx_database}"')
    await fill(database, {(WINDOW, MINUTE + 1): (1, 0, 0)}, CALENDAR, epoch="epoch-0001")
    with pytest.raises(Unavailable, match="database not found"):
        await feeder.feed()
    await feeder.feed()
    assert await total(there, f"SELECT count(satisfied) FROM {FOREVER}.rating_1d") == 1  # noqa: S608


async def test_a_wrong_token_is_told_without_the_token(database: Database, influx: Server, tmp_path: Path) -> None:
    async with Influx(influx.url, database="manyi", token="manyi:wrong-word", org="manyi") as influx_:  # noqa: S106
        for attempt in (influx_.prepare(), influx_.write(RAW, ["rating n=1i"]), feeder_of(database, influx_).feed()):
            with pytest.raises(Unavailable, match=r"series\.token_file") as told:
                await attempt
            assert "wrong-word" not in str(told.value)
