"""A city of a million ratings from SQLite to PostgreSQL, killed with SIGKILL in the middle and started again.

Measured: the copy in one go, what the killed one and the resumed one took together, a backup of either database, a
restore, and a recount of every tally. All as the city's own commands, in processes of their own.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import asyncpg

from bench.archive import Days, fill
from bench.rig import arguments, codes, show
from cloud.calendar import Calendar
from cloud.database import open_database
from firmware_sim.servers.postgres import Postgres

RATINGS = 1_000_000
DAYS = 10
NODES = 250
# 9:00 of 2 November 2026 in Heze.
BEGIN = 1_793_581_200_000
SHARE_BEFORE_KILL = 0.5
PROGRESS = "SELECT coalesce(sum(rows), 0) FROM copy_progress"


def manyi(*words: str | Path) -> tuple[float, str]:
    """Run one of the city's commands; how many seconds it took, and what it said."""
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *map(str, words)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"manyi {' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - begin, done.stdout


def settings(folder: Path, database: str, password_file: Path | None = None) -> Path:
    """Write settings that name `database`; the broker in them is never asked."""
    file = folder / f"{len(list(folder.glob('*.toml')))}.toml"
    secret = "" if password_file is None else f'database_password_file = "{password_file}"\n'
    file.write_text(
        f'database = "{database}"\n{secret}key = "city.key"\n[broker]\nhost = "127.0.0.1"\nport = 1883\n',
        encoding="utf-8",
    )
    return file


async def kill_halfway(command: list[str], url: str, total: int) -> tuple[float, int]:
    """Start the copy and kill it with SIGKILL once half of its rows are there; seconds, and rows kept."""
    begin = time.perf_counter()
    nowhere = asyncio.subprocess.DEVNULL
    running = await asyncio.create_subprocess_exec(sys.executable, "-m", *command, stdout=nowhere, stderr=nowhere)
    connection = await asyncpg.connect(url)
    try:
        while running.returncode is None:
            await asyncio.sleep(0.1)
            try:
                if await connection.fetchval(PROGRESS) >= total * SHARE_BEFORE_KILL:
                    break
            except asyncpg.UndefinedTableError:
                continue
        running.kill()
        await running.wait()
        return time.perf_counter() - begin, int(await connection.fetchval(PROGRESS))
    finally:
        await connection.close()


async def main() -> None:
    """Fill a city, move it, back it up, restore it, recount it."""
    options = arguments(__doc__ or "")
    ratings = RATINGS // (10 if options.quick else 1)
    with tempfile.TemporaryDirectory(prefix="manyi-bench-") as name:
        folder = Path(name)
        source = folder / "city.db"
        nodes = [f"{code}-a{number}" for number in (1, 2) for code in codes()][:NODES]
        async with await open_database(str(source)) as database:
            begin = time.perf_counter()
            made = await fill(database, Calendar("Asia/Shanghai"), Days(ratings, nodes, DAYS, BEGIN))
            filled_s = time.perf_counter() - begin
        server = Postgres(folder / "postgres")
        await server.start()
        try:
            for database_name in ("whole", "killed"):
                await server.create(database_name)
            password = ("--target-password-file", str(server.password_file), "--json")
            whole_s, said = manyi("db", "copy", source, server.url("whole"), *password)
            told = json.loads(said)
            command = ["cli.main", "db", "copy", str(source), server.url("killed"), *password]
            killed_s, kept = await kill_halfway(command, server.url_with_password("killed"), told["rows"])
            resumed_s, said = manyi(*command[1:])
            resumed = json.loads(said)
            in_file, on_server = (
                settings(folder, str(source)),
                settings(folder, server.url("killed"), server.password_file),
            )
            recount_file_s, _ = manyi("db", "recount", "--config", in_file)
            recount_server_s, _ = manyi("db", "recount", "--config", on_server)
            backup_file_s, _ = manyi("backup", "--config", in_file, folder / "file.backup")
            backup_server_s, _ = manyi("backup", "--config", on_server, folder / "server.backup")
            restore_s, _ = manyi("restore", folder / "server.backup", "--config", settings(folder, "restored.db"))
        finally:
            await server.stop()
    show(
        {
            "ratings": made,
            "rows": told["rows"],
            "filled_s": round(filled_s, 1),
            "copy_s": round(whole_s, 1),
            "rows_per_s": round(told["rows"] / whole_s),
            "killed_after_s": round(killed_s, 1),
            "kept_rows": kept,
            "resumed_s": round(resumed_s, 1),
            "resumed_rows": resumed["fresh"],
            "disagreements": len(resumed["disagreements"]),
            "recount_equal": str(resumed["recount"]["equal"]).lower(),
            "recounted": resumed["recount"]["counted"],
            "recount_sqlite_s": round(recount_file_s, 1),
            "recount_postgresql_s": round(recount_server_s, 1),
            "backup_sqlite_s": round(backup_file_s, 1),
            "backup_postgresql_s": round(backup_server_s, 1),
            "restore_s": round(restore_s, 1),
        },
        bare=options.json,
    )


if __name__ == "__main__":
    asyncio.run(main())
