"""`manyi misuse rebuild` as an administrator runs it: exit codes, the same flags again, JSON."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from cloud.database import open_database
from tests.cloud.watching import DAY, at, batches, commit, one, steady, weekdays

# Every command is a process that loads the city.
pytestmark = pytest.mark.timeout(120)
TOML = 'database = "city.db"\nkey = "city.key"\n[broker]\nhost = "127.0.0.1"\n'


def manyi(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", "misuse", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "city.toml"
    file.write_text(TOML, encoding="utf-8")
    return file


async def fill(file: Path) -> None:
    ratings = [rating for day in weekdays(DAY, 3) for rating in steady(day)]
    ratings = sorted({*ratings, *(one(at("10:00") + 5_000 * index) for index in range(20))})
    async with await open_database(str(file)) as database:
        await commit(database, batches(ratings, [3] * len(ratings)))


def test_flags_are_made_again_and_are_the_same_until_somebody_forges_one(config: Path, tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path / "city.db"))

    first = manyi("rebuild", "--config", config)
    assert first.returncode == 0, first.stderr
    assert "they are the same" in first.stdout

    with closing(sqlite3.connect(tmp_path / "city.db")) as city:
        city.execute("DELETE FROM misuse_flag WHERE rule = 'double'")
        city.commit()
    forged = manyi("rebuild", "--config", config, "--json")
    told = json.loads(forged.stdout)
    assert (forged.returncode, told["equal"], told["after"] > told["before"]) == (1, False, True)
    again = json.loads(manyi("rebuild", "--config", config, "--json").stdout)
    assert (again["equal"], again["digest"]) == (True, told["digest"])


def test_a_city_that_is_not_there_is_not_made(config: Path, tmp_path: Path) -> None:
    done = manyi("rebuild", "--config", config)
    assert done.returncode == 2
    assert "there is no such file" in done.stderr
    assert not (tmp_path / "city.db").exists()
