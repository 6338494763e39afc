"""How soon the wall is back after a restart, and how long it takes to ask for the whole picture.

The database holds a year of daily tallies and a day of minute tallies of 10,000 windows (3.65 million and about a
million rows), and the city's own minutes of that year. The city is a process of its own; ready means that `/health`
answers 200. Beside it: one scan of the day tallies by bare sqlite3 on the same file, which a start does without.
"""

import asyncio
import datetime as dt
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

import httpx

from bench.rig import READY_S, arguments, child, city, codes, percentile, show
from firmware_sim.broker import Mosquitto
from firmware_sim.cityplan import lay_out
from firmware_sim.premises import Wires, build
from firmware_sim.servers.daemon import free_port

WINDOWS = 10_000
DAYS = 365
MINUTES = 1440
RATED_A_MINUTE = 700
ASKED = 200
CHINA = dt.timezone(dt.timedelta(hours=8))


def fill(database: Path, windows: list[str], days: int) -> tuple[int, int]:
    """Write the tallies; how many day and minute rows."""
    random = Random(1)
    today = dt.datetime.now(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    first_minute = int(today.timestamp()) // 60

    def day_rows() -> Iterator[tuple[str, str, str, int, int, int]]:
        for back in range(days - 1, -1, -1):
            day = (today - dt.timedelta(days=back)).date().isoformat()
            for window in windows:
                yield day, window, "button", 80 + random.randrange(20), random.randrange(8), random.randrange(8)

    def minute_rows() -> Iterator[tuple[int, str, str, int, int, int]]:
        for minute in range(first_minute, first_minute + MINUTES):
            for window in sorted(random.sample(windows, min(len(windows), RATED_A_MINUTE))):
                yield minute, window, "button", 1, 0, 0

    def city_rows() -> Iterator[tuple[int, str, int, int, int]]:
        for minute in range(first_minute - (days - 1) * MINUTES, first_minute + MINUTES):
            yield minute, "button", 600, 50, 50

    connection = sqlite3.connect(database)
    connection.execute("PRAGMA synchronous = OFF")
    with connection:
        made = connection.executemany("INSERT INTO tally_day VALUES (?, ?, ?, ?, ?, ?)", day_rows()).rowcount
        fine = connection.executemany("INSERT INTO tally_minute VALUES (?, ?, ?, ?, ?, ?)", minute_rows()).rowcount
        connection.executemany("INSERT INTO tally_city VALUES (?, ?, ?, ?, ?)", city_rows())
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return made, fine


def bare_scan(database: Path) -> float:
    """Seconds to add up all day tallies."""
    connection = sqlite3.connect(database)
    begin = time.perf_counter()
    connection.execute("SELECT sum(satisfied + basic + dissatisfied) FROM tally_day").fetchone()
    took = time.perf_counter() - begin
    connection.close()
    return took


async def ask(address: str, header: Mapping[str, str]) -> tuple[list[float], list[float]]:
    """Milliseconds of whole-board queries, and from opening a stream to its complete first snapshot."""
    board: list[float] = []
    stream: list[float] = []
    async with httpx.AsyncClient(base_url=address, headers=header, timeout=READY_S) as client:
        for _ in range(ASKED):
            begin = time.perf_counter()
            (await client.get("/api/board")).raise_for_status()
            board.append((time.perf_counter() - begin) * 1000)
        for _ in range(ASKED // 4):
            begin = time.perf_counter()
            async with client.stream("GET", "/api/stream") as answer:
                async for line in answer.aiter_lines():
                    if line.startswith("data:"):
                        break
            stream.append((time.perf_counter() - begin) * 1000)
    return board, stream


async def main() -> None:
    """Fill a database, restart the city on it, ask."""
    options = arguments(__doc__ or "")
    names = [f"{code}-a{node}/{window:02d}" for node in range(1, 16) for window in range(1, 5) for code in codes()]
    windows = sorted(names[: WINDOWS // (10 if options.quick else 1)])
    with tempfile.TemporaryDirectory(prefix="manyi-bench-") as name:
        folder = Path(name)
        async with Mosquitto(folder / "broker") as broker:
            wires = Wires(broker.port, broker.port, free_port())
            plan = lay_out(codes(), windows=1, townships=1, seed=1)
            premises = build(plan, folder / "city", wires=wires)
            address = f"http://127.0.0.1:{wires.http}"
            async with city(premises.cloud, premises.registration, wires.http):
                pass
            days, minutes = fill(premises.database, windows, DAYS)
            scan_s = bare_scan(premises.database)
            begin = time.perf_counter()
            with child("cloud", "run", "--config", str(premises.cloud), log=folder / "cloud.log"):
                await healthy(address)
                ready_s = time.perf_counter() - begin
                board, stream = await ask(address, premises.keys.header)
    show(
        {
            "ready_s": round(ready_s, 2),
            "bare_scan_s": round(scan_s, 2),
            "board_p50_ms": percentile(board, 0.50),
            "board_p99_ms": percentile(board, 0.99),
            "sse_snapshot_p50_ms": percentile(stream, 0.50),
            "sse_snapshot_p99_ms": percentile(stream, 0.99),
            "day_rows": days,
            "minute_rows": minutes,
        },
        bare=options.json,
    )


async def healthy(address: str) -> None:
    """Wait until the city says that it is well."""
    async with httpx.AsyncClient(base_url=address, timeout=1.0) as client, asyncio.timeout(READY_S):
        while True:
            try:
                if (await client.get("/health")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(main())
