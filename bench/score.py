"""How long `manyi score` takes for a quarter of the whole city, from the command to the written report.

A ledger file with the tallies of 10,000 windows on each of 92 days, drawn so that there are about thirty million
ratings, and an assessment for every township; the command is run as people run it, as a process of its own. Beside it,
in the same run, the one query that adds the tallies up, in SQLite alone.
"""

import asyncio
import csv
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bench.rig import codes, parser, show
from cloud.database import open_database
from proof.period import period
from proof.tallies import by_window

WINDOWS = 10_000
MOST_A_DAY = 65
QUARTER = period("2026Q4")
SATISFIED = (0.7, 0.85, 0.9, 0.97)


def drawn(windows: int, seed: int) -> Iterator[tuple[str, str, str, int, int, int]]:
    """Rows of `tally_day`: each township has a truth of its own, and some days of a window are silent."""
    draw = random.Random(seed)
    townships = codes()
    truth = {township: draw.choice(SATISFIED) for township in townships}
    for day in range(QUARTER.first.toordinal(), QUARTER.last.toordinal() + 1):
        name = QUARTER.first.fromordinal(day).isoformat()
        for number in range(windows):
            township, ratings = townships[number % len(townships)], draw.randint(0, MOST_A_DAY)
            if ratings:
                satisfied = round(ratings * truth[township])
                basic = (ratings - satisfied) // 2
                window = f"{township}-a{number // len(townships)}/01"
                yield name, window, "button", satisfied, basic, ratings - satisfied - basic


async def ground(folder: Path, windows: int, seed: int) -> tuple[Path, Path]:
    """The ledger and the assessors' table."""
    ledger, given = folder / "manyi.db", folder / "assessment.csv"
    async with await open_database(str(ledger)):
        pass
    with closing(sqlite3.connect(ledger)) as database, database:
        database.executemany("INSERT INTO tally_day VALUES (?, ?, ?, ?, ?, ?)", drawn(windows, seed))
    with given.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows((code, f"{80 + at % 20}.5") for at, code in enumerate(codes()))
    return ledger, given


async def run(*words: object) -> float:
    """Run `manyi score`; how many seconds it took."""
    begin = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "score", "--period", QUARTER.name, *map(str, words)),
        stdout=asyncio.subprocess.DEVNULL,
    )
    if await process.wait():
        raise RuntimeError("manyi score failed; what it said is above")
    return time.monotonic() - begin


async def measure(windows: int, seed: int) -> dict[str, float | int | str]:
    """Draw, add up, report in both formats."""
    with tempfile.TemporaryDirectory(prefix="manyi-bench-") as name:
        ledger, given = await ground(Path(name), windows, seed)
        with closing(sqlite3.connect(ledger)) as database:
            begin = time.monotonic()
            counts = by_window(database, QUARTER.first, QUARTER.last)
            query_s = time.monotonic() - begin
            (rows,) = database.execute("SELECT count(*) FROM tally_day").fetchone()
        files = {suffix: ledger.with_name(f"report.{suffix}") for suffix in ("xlsx", "csv")}
        took = {
            suffix: await run("--database", ledger, "--assessment", given, "--out", file)
            for suffix, file in files.items()
        }
        return {
            "ratings": sum(sum(n) for n in counts.values()),
            "windows": len(counts),
            "tallies": rows,
            "query_s": round(query_s, 2),
            **{f"{suffix}_s": round(seconds, 2) for suffix, seconds in took.items()},
            **{f"{suffix}_to_query": round(seconds / query_s, 1) for suffix, seconds in took.items()},
            **{f"{suffix}_kb": round(file.stat().st_size / 1024) for suffix, file in files.items()},
        }


async def main() -> None:
    """Measure once."""
    options = parser(__doc__ or "")
    options.add_argument("--windows", type=int, default=WINDOWS, help="how many have tallies on each day")
    options.add_argument("--seed", type=int, default=1, help="what was rated")
    chosen = options.parse_args()
    show(await measure(chosen.windows // (10 if chosen.quick else 1), chosen.seed), bare=chosen.json)


if __name__ == "__main__":
    asyncio.run(main())
