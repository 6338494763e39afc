"""200 walls and 50 desks at one API process, while 20 ratings a second come in, two of seven of them dissatisfied.

A real city with its broker; the walls and desks are `bench.onlookers`. Each desk is an operator's who has come in by a
session, and asks for its page of cases anew whenever it is told that something has changed; `--clerks` of them look
through the veil instead, as most desks of a city do. The lag is from the moment at which a simulated gateway sends a
rating until a frame has arrived that counts it: its ingest is in it, and on a machine whose cores these all share also
what the others take of them. Ratings are taken to enter the ledger in the order in which they were sent.
"""

import asyncio
import json
import secrets
import sqlite3
import sys
import time
from bisect import bisect_left
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.hall import open_hall
from bench.load import Parcel, Townships
from bench.rig import codes, cpu_s, parser, percentile, show
from cloud.people.secret import digest
from transport.boot import wall_ms

RATE = 20.0
WINDOWS = 1000
LEVELS = (3, 3, 3, 3, 2, 1, 1)
SETTLE_S = 3.0
DAY_MS = 86_400_000
CLERK = ("township", "371721121")


def sessions(database: Path, operators: int, clerks: int) -> list[str]:
    """Let so many people come in, each by an account and a session of their own; their cookies."""
    now, cookies = wall_ms(), []
    with closing(sqlite3.connect(database, timeout=10)) as connection, connection:
        for number in range(operators + clerks):
            role, place = ("operator", "city") if number < operators else CLERK
            name, secret = f"desk-{number}", secrets.token_urlsafe(32)
            connection.execute(
                "INSERT INTO account (name, called, role, place, created_at, failures) VALUES (?, ?, ?, ?, ?, 0)",
                (name, name, role, place, now),
            )
            connection.execute(
                "INSERT INTO session (digest, name, csrf, began_at, seen_at, ends_at) VALUES (?, ?, ?, ?, ?, ?)",
                (digest(secret), name, "x", now, now, now + DAY_MS),
            )
            cookies.append(f"Cookie: manyi={secret}")
    return cookies


def counted(database: Path) -> int:
    """How many ratings the ledger's tallies hold."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT sum(satisfied + basic + dissatisfied) FROM tally_city").fetchone()[0])


def lags(sent: list[float], walls: list[list[tuple[float, int]]], base: int) -> tuple[list[float], int]:
    """Milliseconds from each sending to its arrival at each wall, and how many never arrived."""
    found, missed = [], 0
    for seen in walls:
        totals = [total for _, total in seen]
        for number, at in enumerate(sent, start=base + 1):
            frame = bisect_left(totals, number)
            if frame == len(seen):
                missed += 1
            else:
                found.append((seen[frame][0] - at) * 1000)
    return found, missed


async def main() -> None:
    """Open the city, let everybody look, rate."""
    options = parser(__doc__ or "")
    options.add_argument("--walls", type=int, default=200)
    options.add_argument("--desks", type=int, default=50)
    options.add_argument("--clerks", type=int, default=0, help="how many of the desks look through the veil")
    options.add_argument("--seconds", type=float, default=60.0)
    given = options.parse_args()
    seconds = given.seconds / 10 if given.quick else given.seconds
    townships = Townships(codes(), WINDOWS, seed=1, levels=LEVELS)
    async with open_hall(townships) as hall:
        cookies = sessions(hall.premises.database, given.desks - given.clerks, given.clerks)
        onlookers = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.onlookers"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 30,
        )
        told: dict[str, Any] = {
            "port": hall.port,
            "walls": given.walls,
            "wall": f"Cookie: manyi-wall={hall.premises.keys.wall}",
            "desks": cookies,
        }
        assert onlookers.stdin is not None  # noqa: S101
        assert onlookers.stdout is not None  # noqa: S101
        onlookers.stdin.write(json.dumps(told).encode() + b"\n")
        await onlookers.stdout.readline()
        await asyncio.sleep(SETTLE_S)
        parcels = townships.steady(RATE, seconds, 1)
        used, began = cpu_s(hall.process.pid), time.monotonic()
        outcome = await hall.sending.send(parcels, 1, patience_s=30.0)
        used, lasted = cpu_s(hall.process.pid) - used, time.monotonic() - began
        await asyncio.sleep(SETTLE_S)
        onlookers.stdin.write(b"end\n")
        seen = json.loads(await onlookers.stdout.read())
        await onlookers.wait()
        result = _result(parcels, outcome.begin, seen, counted(hall.premises.database))
    show(
        {
            **result,
            "city_cores": round(used / lasted, 2),
            "clients_cores": round(seen["cpu_s"] / lasted, 2),
            "unanswered": outcome.missing,
            "late_ms": round(outcome.late_s * 1000),
            "walls": given.walls,
            "desks": given.desks,
            "clerks": given.clerks,
        },
        bare=given.json,
    )


def _result(parcels: list[Parcel], begin: float, seen: dict[str, Any], total: int) -> dict[str, float | int | str]:
    found, missed = lags([begin + parcel.due_s for parcel in parcels], seen["walls"], total - len(parcels))
    for trouble in sorted(set(seen["troubles"]))[:5]:
        print(trouble, file=sys.stderr)
    return {
        "sse_p50_ms": percentile(found, 0.50),
        "sse_p99_ms": percentile(found, 0.99),
        "sse_most_ms": percentile(found, 1.0),
        "rated": len(parcels),
        "ledger": total,
        "walls_true": sum(bool(wall) and wall[-1][1] == total for wall in seen["walls"]),
        "missed": missed,
        "gaps": seen["gaps"],
        "errors": len(seen["troubles"]),
        "desks_told": seen["told"],
        "pages": len(seen["took_ms"]),
        "page_p50_ms": percentile(seen["took_ms"], 0.50) if seen["took_ms"] else 0.0,
        "page_p99_ms": percentile(seen["took_ms"], 0.99) if seen["took_ms"] else 0.0,
    }


if __name__ == "__main__":
    asyncio.run(main())
