"""How long `manyi score` takes for a quarter of the whole city, from the command to the written report.

A ledger file with the tallies of 10,000 windows on each of 92 days, drawn so that there are about thirty million
ratings, and an assessment for every township; the command is run as people run it, as a process of its own. Beside it,
in the same run, the one query that adds the tallies up, in SQLite alone.

Every window is one office's and has one person on duty all the time. Then once more with some windows where two people
share each day, whose ratings are looked up minute by minute; for these the same ratings lie in the minutes' tallies.
"""

import asyncio
import csv
import os
import random
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time
from pathlib import Path
from time import monotonic
from zoneinfo import ZoneInfo

from bench.rig import codes, parser, show
from cloud.database import open_database
from proof.period import period
from proof.tallies import by_window

WINDOWS = 10_000
MOST_A_DAY = 65
SHARED = 200
QUARTER = period("2026Q4")
SATISFIED = (0.7, 0.85, 0.9, 0.97)


def drawn(windows: int, seed: int) -> Iterator[tuple[str, str, str, int, int, int]]:
    """Rows of `tally_day`: each township has a truth of its own, and some days of a window are silent."""
    draw = random.Random(seed)
    townships = codes()
    truth = {township: draw.choice(SATISFIED) for township in townships}
    for day in days():
        name = QUARTER.first.fromordinal(day).isoformat()
        for number in range(windows):
            township, ratings = townships[number % len(townships)], draw.randint(0, MOST_A_DAY)
            if ratings:
                satisfied = round(ratings * truth[township])
                basic = (ratings - satisfied) // 2
                window = f"{township}-a{number // len(townships)}/01"
                yield name, window, "button", satisfied, basic, ratings - satisfied - basic


# A day's ratings of each window, one a minute, evenly over the eight hours from `nine` on.
MINUTES = """
WITH RECURSIVE k (k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM k WHERE k < :most)
INSERT INTO tally_minute
SELECT :nine + (7 * place + k * 480 / n) % 480 AS minute, "window", channel,
    k < satisfied, k >= satisfied AND k < satisfied + basic, k >= satisfied + basic
FROM (SELECT *, satisfied + basic + dissatisfied AS n, row_number() OVER () AS place FROM tally_day WHERE day = :day)
JOIN k ON k < n ORDER BY minute, "window"
"""
CITY = """
INSERT INTO tally_city SELECT minute, channel, sum(satisfied), sum(basic), sum(dissatisfied)
FROM tally_minute GROUP BY minute, channel
"""
OFFICES = """
INSERT INTO office SELECT DISTINCT substr("window", 1, 9) || ':zw', '政务大厅', 'Service hall' FROM tally_day
"""
MEMBERS = """
INSERT INTO office_window SELECT DISTINCT "window", 0, NULL, substr("window", 1, 9) || ':zw' FROM tally_day
"""
PEOPLE = "INSERT INTO person VALUES (?, '李敏', 'Li Min')"
DUTIES = "INSERT INTO duty VALUES (?, ?, ?, ?)"


def nine(day: int) -> int:
    """When the office opens on the day of this ordinal, ms."""
    opened = datetime.combine(date.fromordinal(day), time(9), ZoneInfo("Asia/Shanghai"))
    return int(opened.timestamp()) * 1000


def days() -> range:
    """The quarter's days as ordinals."""
    return range(QUARTER.first.toordinal(), QUARTER.last.toordinal() + 1)


async def ground(folder: Path, windows: int, seed: int) -> tuple[Path, Path]:
    """The ledger and the assessors' table."""
    ledger, given = folder / "manyi.db", folder / "assessment.csv"
    async with await open_database(str(ledger)):
        pass
    with closing(sqlite3.connect(ledger)) as database, database:
        database.executemany("INSERT INTO tally_day VALUES (?, ?, ?, ?, ?, ?)", drawn(windows, seed))
        for day in days():
            named = {"nine": nine(day) // 60_000, "day": date.fromordinal(day).isoformat(), "most": MOST_A_DAY}
            database.execute(MINUTES, named)
        for statement in (CITY, OFFICES, MEMBERS):
            database.execute(statement)
        staffed = [(window, f"{window[:9]}:{at}") for at, window in enumerate(names(database))]
        database.executemany(PEOPLE, [(person,) for _, person in staffed])
        database.executemany(DUTIES, [(window, 0, None, person) for window, person in staffed])
    with given.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows((code, f"{80 + at % 20}.5") for at, code in enumerate(codes()))
    return ledger, given


def names(database: sqlite3.Connection) -> list[str]:
    """The windows in their order."""
    return [window for (window,) in database.execute('SELECT DISTINCT "window" FROM office_window ORDER BY 1')]


def share(ledger: Path, windows: int) -> None:
    """Let two people share every day at the first so many windows: one until one o'clock, one until the end."""
    with closing(sqlite3.connect(ledger)) as database, database:
        for window in names(database)[:windows]:
            [(person,)] = database.execute('DELETE FROM duty WHERE "window" = ? RETURNING person', (window,))
            database.execute(PEOPLE, (f"{person}b",))
            for day in days():
                begin = nine(day)
                noon, end = begin + 4 * 3_600_000, begin + 8 * 3_600_000
                database.execute(DUTIES, (window, begin, noon, person))
                database.execute(DUTIES, (window, noon, end, f"{person}b"))


# As a user's Python, which keeps what it has compiled; a developer's may be told not to.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


async def run(*words: object) -> float:
    """Run `manyi score`; how many seconds it took."""
    begin = monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "score", "--period", QUARTER.name, *map(str, words)),
        stdout=asyncio.subprocess.DEVNULL,
        env=ENVIRONMENT,
    )
    if await process.wait():
        raise RuntimeError("manyi score failed; what it said is above")
    return monotonic() - begin


async def measure(windows: int, shared: int, seed: int) -> dict[str, float | int | str]:
    """Draw, add up, report in both formats, and once more with windows that two people share."""
    with tempfile.TemporaryDirectory(prefix="manyi-bench-") as name:
        ledger, given = await ground(Path(name), windows, seed)
        with closing(sqlite3.connect(ledger)) as database:
            begin = monotonic()
            counts = by_window(database, QUARTER.first, QUARTER.last)
            query_s = monotonic() - begin
            (rows,) = database.execute("SELECT count(*) FROM tally_day").fetchone()
        files = {suffix: ledger.with_name(f"report.{suffix}") for suffix in ("xlsx", "csv")}
        # Untimed: the first run after an installation compiles.
        await run("--database", ledger, "--out", files["xlsx"])
        took = {
            suffix: await run("--database", ledger, "--assessment", given, "--out", file)
            for suffix, file in files.items()
        }
        share(ledger, shared)
        took["shared"] = await run("--database", ledger, "--assessment", given, "--out", files["csv"])
        return {
            "ratings": sum(sum(n) for n in counts.values()),
            "windows": len(counts),
            "shared_windows": shared,
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
    options.add_argument("--shared", type=int, default=SHARED, help="at how many two people share each day")
    options.add_argument("--seed", type=int, default=1, help="what was rated")
    chosen = options.parse_args()
    part = 10 if chosen.quick else 1
    show(await measure(chosen.windows // part, chosen.shared // part, chosen.seed), bare=chosen.json)


if __name__ == "__main__":
    asyncio.run(main())
