"""An InfluxDB that is away, hangs, dies or forgets: the series waits, nothing else does, and it heals by itself."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from cloud.board.loaded import Loaded
from cloud.board.picture import Picture
from cloud.board.rules import Board
from cloud.board.stream import Stream
from cloud.calendar import MINUTE_MS
from cloud.cases.policy import shipped
from cloud.database import Database
from cloud.series import feeder as feeder_module
from cloud.series import influx as influx_module
from cloud.series import remote
from cloud.series.feeder import Feeder
from cloud.series.influx import Influx
from cloud.series.lines import FOREVER, RAW
from contract.errors import Unavailable
from firmware_sim.servers.influx import Influx as Server
from proof.scores import Counts
from tests.cloud.conftest import TOWNSHIP, Desk, entry, ranges
from tests.cloud.fed import feeder_of, influx_at, own_server, reconciled, total
from tests.cloud.filled import CALENDAR, NOON, fill

pytestmark = pytest.mark.timeout(60)
VEIL = shipped().veil
WINDOW = "371721121-a1/01"
# An hour's ten thousand ratings.
EXCHANGES, BATCHES, A_BATCH = 100, 10, 10
PATIENCE_S = 3.0
MINUTE = NOON // MINUTE_MS


@pytest.fixture
async def there(influx: Server, influx_database: str) -> AsyncIterator[Influx]:
    async with influx_at(influx, influx_database) as opened:
        yield opened


class Hour:
    """An hour of a city under load, in exchanges: each bundle is settled and on the board before the next goes out."""

    def __init__(self, desk: Desk) -> None:
        self.sent = 0
        self.slowest_s = 0.0
        self._desk = desk
        desk.now = NOON
        self.board = Stream(self._board(), clock=lambda: desk.now, load=self._load)
        desk.intake.listeners.append(self.board.committed)

    def _board(self) -> Board:
        return Board(Loaded(), veil=VEIL, boot="boot", now=NOON, calendar=CALENDAR, least=5, townships=[TOWNSHIP])

    async def _load(self) -> Board:
        raise AssertionError("the board missed a commit")

    async def exchange(self, times: int) -> None:
        for _ in range(times):
            self._desk.now += 60 * MINUTE_MS // EXCHANGES
            rows = [(f"0{1 + n % 2}", 1 + n % 3) for n in range(A_BATCH)]
            firsts = range(self.sent + 1, self.sent + BATCHES * A_BATCH, A_BATCH)
            batches = [entry(first, *rows, t0=self._desk.now - 1000 + n) for n, first in enumerate(firsts)]
            begin = time.perf_counter()
            settled, refused, unread = ranges(await self._desk.exchange(*batches))
            self.slowest_s = max(self.slowest_s, time.perf_counter() - begin)
            self.sent += BATCHES * A_BATCH
            assert sum(last - first + 1 for first, last in settled) == BATCHES * A_BATCH
            assert (refused, unread) == ([], [])
            assert msgspec.json.decode(self.board.picture(), type=Picture).total == self.sent


@pytest.mark.timeout(180)
async def test_a_city_under_load_goes_on_while_influxdb_is_away_and_the_series_heals_by_itself(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WRITE_S", "ASK_S"):
        monkeypatch.setattr(influx_module, name, PATIENCE_S)
    monkeypatch.setattr(feeder_module, "LAST_RETRY_S", 1.0)
    async with own_server(tmp_path) as server, influx_at(server, "manyi") as influx:
        hour = Hour(desk)
        feeder = Feeder(desk.database, influx, calendar=CALENDAR, now=lambda: desk.now, pace_s=0.05)
        desk.intake.listeners.append(feeder.wake)

        async def in_trouble() -> str:
            while feeder.trouble is None:
                await hour.exchange(1)
                await asyncio.sleep(0.25)
            return feeder.trouble

        async def caught_up() -> None:
            while feeder.trouble is not None or feeder.behind:
                await asyncio.sleep(0.05)

        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(feeder.run()), tasks.create_task(hour.board.run())]
            await hour.exchange(10)
            await caught_up()
            server.pause()
            await hour.exchange(10)
            assert "influxdb" in await in_trouble()
            assert feeder.behind > 0
            server.resume()
            await hour.exchange(5)
            await caught_up()
            await asyncio.gather(server.go_away(), hour.exchange(10))
            assert "influxdb" in await in_trouble()
            with pytest.raises(Unavailable):
                await influx.ask("SELECT count(n) FROM raw.rating")
            await asyncio.gather(server.come_back(), hour.exchange(10))
            await hour.exchange(EXCHANGES - hour.sent // (BATCHES * A_BATCH))
            await caught_up()
            for task in running:
                task.cancel()
        # Nobody has waited as long as one answer of InfluxDB's was waited for.
        assert hour.slowest_s < PATIENCE_S
        assert (feeder.rejected, hour.sent) == (0, EXCHANGES * BATCHES * A_BATCH)
        assert await total(influx) == hour.sent
        account = await reconciled(desk.database, influx, now=desk.now)
        assert (account.equal, account.points) == (True, hour.sent)


async def test_an_influxdb_that_hangs_is_not_waited_for(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PATIENCE_S", 0.3)
    monkeypatch.setattr(influx_module, "WRITE_S", 0.5)
    async with own_server(tmp_path) as server, influx_at(server, "manyi") as influx:
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
    async with own_server(tmp_path) as server, influx_at(server, "manyi") as influx:
        feeder = feeder_of(database, influx)
        for turn in range(3):
            cells: dict[tuple[str, int], Counts] = {(WINDOW, MINUTE + turn * 50 + n): (3, 2, 1) for n in range(40)}
            await fill(database, cells, CALENDAR, epoch=f"epoch-000{turn}")
            await feeder.feed()
            assert feeder.behind == 0
            server.kill()
            await server.come_back()
        assert await total(influx) == 3 * 40 * 6
        assert (await reconciled(database, influx)).equal


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
