"""`manyi series` as an administrator runs it: exit codes, names, JSON."""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloud.calendar import MINUTE_MS
from cloud.database import open_database
from cloud.series.feeder import Feeder
from cloud.series.lines import DAY_MS, NS_A_MS, RAW
from cloud.series.opening import influx_of
from cloud.settings import read
from firmware_sim.servers.influx import Influx
from tests.cloud.filled import CALENDAR, fill

# Every command is a process that loads the city.
pytestmark = pytest.mark.timeout(120)
WINDOW = "371721121-a1/01"
TOML = """
database = "city.db"
key = "city.key"

[broker]
host = "127.0.0.1"

[series]
kind = "{kind}"
url = "{url}"
database = "{database}"
token_file = "token"
"""


def manyi(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", "series", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def settings(folder: Path, influx: Influx, database: str, *, kind: str = "influx", url: str = "") -> Path:
    file = folder / "city.toml"
    file.write_text(TOML.format(kind=kind, url=url or influx.url, database=database), encoding="utf-8")
    shutil.copy(influx.token_file, folder / "token")
    return file


async def ratings(file: Path) -> None:
    # Yesterday around noon in Heze, so that they are of one day whenever this runs.
    minute = (time.time_ns() // 1_000_000 // DAY_MS * DAY_MS - 20 * 60 * MINUTE_MS) // MINUTE_MS
    async with await open_database(str(file)) as database:
        await fill(database, {(WINDOW, minute - n): (2, 1, 1) for n in range(30)}, CALENDAR)


async def empty(file: Path) -> None:
    async with await open_database(str(file)):
        pass


async def conflict(file: Path, config: Path) -> None:
    """Make a field another kind in a week without ratings, and then feed some there."""
    now = time.time_ns() // 1_000_000
    at = now - 8 * DAY_MS
    async with influx_of(read(config).series) as client, await open_database(str(file)) as database:
        assert await client.write(RAW, [f'rating,window=w seq="text" {at * NS_A_MS}']) == []
        await fill(database, {(WINDOW, at // MINUTE_MS): (2, 1, 1)}, CALENDAR, epoch="another-00")
        feeder = Feeder(database, client, calendar=CALENDAR, now=lambda: now)
        await feeder.feed()
        assert feeder.rejected == 4


def test_rebuild_and_reconcile(influx: Influx, influx_database: str, errand: asyncio.Runner, tmp_path: Path) -> None:
    config = settings(tmp_path, influx, influx_database)
    errand.run(ratings(tmp_path / "city.db"))

    rebuilt = manyi("rebuild", "--config", config)
    assert (rebuilt.returncode, rebuilt.stdout) == (0, "fed up to ledger position 1\n"), rebuilt.stderr
    as_json = manyi("rebuild", "--config", config, "--json")
    assert json.loads(as_json.stdout) == {"position": 1, "skipped": 0, "rejected": 0}

    equal = manyi("reconcile", "--config", config)
    assert (equal.returncode, equal.stdout) == (0, "equal up to ledger position 1, 3 sums compared\n"), equal.stderr

    errand.run(influx.query("DELETE FROM rating WHERE level = '3'", influx_database))
    repaired = manyi("reconcile", "--config", config)
    lines = repaired.stdout.splitlines()
    assert repaired.returncode == 1, repaired.stderr
    assert lines[-2:] == ["60 ratings differed: 60 missing, 0 altered, 0 foreign", "all of it was put right"]
    assert len(lines) == 62
    assert lines[0].startswith("missing  rating channel=button,county=371721,level=3,township=371721121,window=")

    again = manyi("reconcile", "--config", config, "--every-point", "--json")
    told = json.loads(again.stdout)
    assert again.returncode == 0, again.stderr
    assert (told["equal"], told["points"], told["named"]) == (True, 120, [])
    assert told["ratings"] == {"missing": 0, "altered": 0, "foreign": 0}


def test_points_that_influxdb_refuses_are_told_and_never_end_well(
    influx: Influx, influx_database: str, errand: asyncio.Runner, tmp_path: Path
) -> None:
    config = settings(tmp_path, influx, influx_database)
    errand.run(ratings(tmp_path / "city.db"))
    rebuilt = manyi("rebuild", "--config", config)
    assert rebuilt.returncode == 0, rebuilt.stderr
    errand.run(conflict(tmp_path / "city.db", config))
    for _ in range(2):
        told = manyi("reconcile", "--config", config)
        assert told.returncode == 1, told.stderr
        assert told.stdout.splitlines()[-2:] == [
            "4 ratings differed: 4 missing, 0 altered, 0 foreign",
            "4 of these InfluxDB refuses, and they are not in the series; the table series_reject says why",
        ]


@pytest.mark.parametrize("command", ["rebuild", "reconcile"])
def test_a_mistyped_database_is_no_reason_to_delete_the_series(
    command: str, influx: Influx, influx_database: str, errand: asyncio.Runner, tmp_path: Path
) -> None:
    config = settings(tmp_path, influx, influx_database)
    errand.run(ratings(tmp_path / "city.db"))
    assert manyi("rebuild", "--config", config).returncode == 0
    right = config.read_text(encoding="utf-8")
    config.write_text(right.replace("city.db", "ctiy.db"), encoding="utf-8")
    absent = manyi(command, "--config", config)
    assert absent.returncode == 2
    assert "ctiy.db" in absent.stderr
    assert not (tmp_path / "ctiy.db").exists()
    errand.run(empty(tmp_path / "ctiy.db"))
    strange = manyi(command, "--config", config)
    assert strange.returncode == 2
    assert "the ledger is empty and InfluxDB has points" in strange.stderr
    for refused in (absent, strange):
        assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr
    config.write_text(right, encoding="utf-8")
    assert manyi("reconcile", "--config", config).returncode == 0


@pytest.mark.parametrize("command", ["rebuild", "reconcile"])
def test_what_cannot_be_done_is_told_in_one_line_without_the_token(
    command: str, influx: Influx, influx_database: str, errand: asyncio.Runner, tmp_path: Path
) -> None:
    errand.run(empty(tmp_path / "city.db"))
    embedded = manyi(command, "--config", settings(tmp_path, influx, influx_database, kind="embedded"))
    assert embedded.returncode == 2
    assert 'series.kind: is "embedded"' in embedded.stderr

    away = manyi(command, "--config", settings(tmp_path, influx, influx_database, url="http://127.0.0.1:1"))
    assert away.returncode == 3
    assert "influxdb http://127.0.0.1:1: " in away.stderr
    assert influx.token not in away.stderr

    config = settings(tmp_path, influx, influx_database)
    (tmp_path / "token").chmod(0o644)
    open_token = manyi(command, "--config", config)
    assert open_token.returncode == 2
    assert f"series.token_file: {tmp_path / 'token'}: others can read it" in open_token.stderr

    (tmp_path / "token").unlink()
    missing = manyi(command, "--config", config)
    assert missing.returncode == 2
    assert "series.token_file" in missing.stderr
    for failed in (embedded, open_token, missing):
        assert len(failed.stderr.splitlines()) == 1, failed.stderr
        assert failed.stdout == ""
