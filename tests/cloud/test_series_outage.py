"""An InfluxDB that is away, hangs, dies or forgets: the series waits, nothing else does, and it heals by itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloud.calendar import MINUTE_MS
from cloud.database import Database
from cloud.series import influx as influx_module
from cloud.series import remote
from cloud.series.feeder import Feeder
from cloud.series.influx import Influx
from cloud.series.lines import FOREVER, RAW
from contract.errors import Unavailable
from firmware_sim.servers.influx import Influx as Server
from proof.scores import Counts
from tests.cloud.fed import feeder_of, influx_at, own_server, reconciled, total
from tests.cloud.filled import CALENDAR, NOON, fill

pytestmark = pytest.mark.timeout(60)
WINDOW = "371721121-a1/01"
MINUTE = NOON // MINUTE_MS


@pytest.fixture
async def there(influx: Server, influx_database: str) -> AsyncIterator[Influx]:
    async with influx_at(influx, influx_database) as opened:
        yield opened


def told(feeder: Feeder) -> str:
    return feeder.trouble or ""


async def test_without_influxdb_nothing_but_the_series_waits_and_it_heals_by_itself(
    database: Database, tmp_path: Path
) -> None:
    async with own_server(tmp_path) as server, influx_at(server, "manyi") as influx:
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
        assert (await reconciled(database, influx)).equal


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
