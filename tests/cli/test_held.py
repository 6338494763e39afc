"""`manyi held` as an operator runs it: what is held, and a decision that names who and why."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.app import app
from cloud.database import open_database
from cloud.ledger.rules import Held, Numbers, Verified
from cloud.ledger.store import append, entry_of, hold
from contract.batch import Batch, StreamKey
from contract.codec import encode
from contract.errors import Reason
from contract.rating import Quality, Row
from tests.cli.test_db import settings

NODE = "371721121-a1"
DAY_MS = 86_400_000


def manyi(*words: object) -> Result:
    return CliRunner().invoke(app, ["held", *map(str, words)])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A city with one entry whose only row is dated into tomorrow."""
    made = settings(tmp_path, "city.db")
    tomorrow = time.time_ns() // 1_000_000 + DAY_MS
    batch = Batch(1, NODE, "AAAAAAAAAA", 1, tomorrow, Quality.SYNCHRONISED, [Row(0, "01", 3, 1)])
    raw = encode(batch) + b"\nsignature"
    numbers = Numbers(StreamKey(NODE, batch.epoch), 1, 1)

    async def fill() -> None:
        async with await open_database(str(tmp_path / "city.db")) as database, database.writer.begin() as connection:
            await append(connection, [entry_of(Verified(batch, numbers, raw, b"", NODE[:9], "live"), 5)])
            await hold(connection, [Held(0, 0, Reason.FUTURE, f"{NODE}/01")], 1)

    asyncio.run(fill())
    return made


@pytest.mark.timeout(60)
def test_what_is_held_is_listed_and_decided_about(config: Path) -> None:
    listed = manyi("list", "--config", config, "--json")
    (row,) = json.loads(listed.stdout)["held"]
    assert (row["position"], row["row"], row["reason"], row["window"]) == (1, 0, "future", f"{NODE}/01")
    assert f"{NODE}/01" in manyi("list", "--config", config).stdout

    early = manyi("admit", 1, "--config", config, "--by", "Wang", "--why", "the city was behind")
    assert (early.exit_code, early.stdout) == (2, "")
    assert "its moment has not come yet" in early.stderr
    nameless = manyi("refuse", 1, "--config", config, "--by", " ", "--why", "x")
    assert nameless.exit_code == 2
    assert "--by" in nameless.stderr
    assert manyi("refuse", 7, "--config", config, "--by", "Wang", "--why", "x").exit_code == 2

    done = manyi("refuse", 1, "--config", config, "--by", "Wang", "--why", "its clock was a day ahead")
    assert (done.exit_code, done.stdout) == (0, "1 ratings will never count, by ledger position 2\n"), done.stderr
    assert "nothing is held" in manyi("list", "--config", config).stdout
