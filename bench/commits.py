"""How many ratings a second one PostgreSQL takes, one rating a batch, by size of commit and from two writers.

The city's own statements for ledger and tallies in one transaction, under the lock of `ledger_head`, and nothing else:
no MQTT, no signatures, no answers. What a second writer adds is what the lock leaves to be done outside it.
"""

import asyncio
import secrets
import tempfile
import time
from pathlib import Path
from random import Random

from bench.rig import codes, parser, percentile, show, tree_cpu_s
from cloud.calendar import Calendar
from cloud.database import open_database, upgrade_database
from cloud.ledger import store
from cloud.ledger.cells import ONE
from cloud.tallies import store as tallies
from contract.identity import EPOCH_BITS, epoch_text
from firmware_sim.servers.postgres import Postgres

GROUPS = (1, 10, 100, 1000)
SECONDS = 10.0
NODES = 25_000
# A signed batch of one rating.
RAW_BYTES = 197
CALENDAR = Calendar("Asia/Shanghai")


class Writer:
    """One process's worth of committing: its own connection, its own nodes."""

    def __init__(self, number: int) -> None:
        self.delays_s: list[float] = []
        self._random = Random(number)
        self._epoch = epoch_text(secrets.randbits(EPOCH_BITS))
        places = codes()
        self._nodes = [f"{places[n % len(places)]}-w{number}n{n}" for n in range(NODES)]
        self._last: dict[str, int] = {}

    async def run(self, url: str, password_file: str, group: int, until: float) -> int:
        """Commit groups of `group` until the clock says `until`; how many ratings."""
        done = 0
        raw = secrets.token_bytes(RAW_BYTES)
        async with await open_database(url, password_file=password_file) as database:
            while (begin := time.perf_counter()) < until:
                at = time.time_ns() // 1_000_000
                entries = []
                cells: dict[tuple[str, int], int] = {}
                for node in self._random.choices(self._nodes, k=group):
                    number = self._last[node] = self._last.get(node, 0) + 1
                    entries.append(store.Entry("batch", node, self._epoch, number, number, at, "live", raw))
                    cells[f"{node}/{1 + number % 4:02d}", at // 60_000] = ONE[3]
                async with database.writer.begin() as connection:
                    await store.append(connection, entries)
                    await tallies.add(connection, cells, CALENDAR)
                self.delays_s.append(time.perf_counter() - begin)
                done += group
        return done


async def measure(postgres: Postgres, group: int, writers: int, seconds: float) -> dict[str, float | int | str]:
    """Ratings a second, milliseconds of a commit, and PostgreSQL's CPU for a rating."""
    url = await postgres.create(f"manyi_{group}_{writers}")
    password_file = str(postgres.password_file)
    await upgrade_database(url, password_file=password_file)
    working = [Writer(number) for number in range(writers)]
    used, begin = tree_cpu_s(postgres.pid), time.perf_counter()
    done = sum(await asyncio.gather(*(one.run(url, password_file, group, begin + seconds) for one in working)))
    took = time.perf_counter() - begin
    delays = [delay * 1000 for one in working for delay in one.delays_s]
    name = f"{group}" if writers == 1 else f"{group}_by_{writers}"
    return {
        f"ratings_per_s_{name}": round(done / took),
        f"commit_p50_ms_{name}": percentile(delays, 0.5),
        f"postgres_us_a_rating_{name}": round((tree_cpu_s(postgres.pid) - used) / done * 1e6),
    }


async def main() -> None:
    """Measure each size of group."""
    options = parser(__doc__ or "").parse_args()
    seconds = SECONDS / (10 if options.quick else 1)
    result: dict[str, float | int | str] = {}
    with tempfile.TemporaryDirectory(prefix="manyi-bench-") as name:
        async with Postgres(Path(name) / "postgres") as postgres:
            for group in GROUPS:
                result |= await measure(postgres, group, 1, seconds)
            result |= await measure(postgres, 1000, 2, seconds)
    show(result, bare=options.json)


if __name__ == "__main__":
    asyncio.run(main())
