"""`manyi db copy` killed with SIGKILL again and again and started again: it goes on, and the copy is the same city."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from bench.archive import Days, fill
from cloud.calendar import Calendar
from cloud.copy.rules import APPENDED, COUNTED
from cloud.database import fetch_value, open_database
from tests.conftest import PostgresUrl

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

RATINGS = 100_000
# 9:00 of 2 November 2026 in Heze.
BEGIN = 1_793_581_200_000
NODES = [f"37172112{number % 9}-a{number}" for number in range(100)]


async def rows_copied(target: str) -> int:
    """What the target itself says, in the tables that are there while a copy runs."""
    async with await open_database(target) as database, database.reader.connect() as connection:
        return int(await fetch_value(connection, "SELECT coalesce(sum(rows), 0) FROM copy_progress"))


async def begun(target: str, more_than: int) -> int:
    """Wait until the copy has kept more rows than that."""
    while True:
        try:
            if (rows := await rows_copied(target)) > more_than:
                return rows
        except Exception:  # noqa: BLE001, S110  (no schema yet, no table yet)
            pass
        await asyncio.sleep(0.05)


async def copying(source: Path, target: str, complaints: int = asyncio.subprocess.PIPE) -> asyncio.subprocess.Process:
    words = ("-m", "cli.main", "db", "copy", str(source), target, "--json")
    return await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.PIPE, stderr=complaints, env={**os.environ, "TERM": "xterm"}
    )


async def kill_while_it_copies(source: Path, target: str, more_than: int) -> int:
    """How many rows were kept."""
    running = await copying(source, target)
    kept = await begun(target, more_than)
    running.kill()
    await running.wait()
    return kept


async def kill_while_it_says(source: Path, target: str, word: str) -> None:
    """Kill it as soon as its progress, which it draws on a terminal only, shows `word`."""
    ours, its = os.openpty()
    try:
        running = await copying(source, target, its)
        os.close(its)
        said = ""
        while word not in said:
            said += (await asyncio.to_thread(os.read, ours, 4096)).decode(errors="replace")
        running.kill()
        assert await running.wait() == -signal.SIGKILL, said
    finally:
        os.close(ours)


async def test_a_copy_to_postgresql_outlives_kills(tmp_path: Path, postgres_url: PostgresUrl) -> None:
    source, target = tmp_path / "city.db", postgres_url.with_password
    async with await open_database(str(source)) as database:
        await fill(database, Calendar("Asia/Shanghai"), Days(RATINGS, NODES, days=5, begin=BEGIN))
    kept = 0
    for _ in range(2):
        kept = await kill_while_it_copies(source, target, kept)
    for step in ("verifying", "recounting"):
        await kill_while_it_says(source, target, step)

    running = await copying(source, target)
    said, complaint = await running.communicate()

    assert running.returncode == 0, complaint.decode()
    told = json.loads(said)
    assert told["rows"] > RATINGS
    assert told["fresh"] == told["rows"] - sum(told["tables"][name] for name in APPENDED | COUNTED)
    assert told["disagreements"] == []
    assert (told["recount"]["equal"], told["recount"]["counted"]) == (True, RATINGS)
