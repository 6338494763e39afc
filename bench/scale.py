"""The real cloud at the average rate of 1,000,000 windows: how many ratings a second it holds, and what ends first.

Broker (mosquitto), PostgreSQL with `fsync`, InfluxDB behind its nginx, ingest and web processes, and a generator of
signed batches, all on this machine's cores. First every node sends one rating, so that each stream is known. From then
on statuses and hellos come at the rate of a million windows too, unless `--bare` leaves them out; then the
rate of a million windows is offered for `--seconds`, and then it is raised by a quarter at a time for a third of that,
until it no longer holds (or lowered, until it does). It holds when the city settled at least `SHARE` of what was
offered a second, 99 of 100 within `BOUND_S`, after which a gateway would send again. Delays run from the moment a
rating was due, so that a generator that comes late cannot flatter the city. Afterwards the ledger is read and compared:
every number that was sent exactly once, no other; and tallies and series count the same.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import asyncpg

from bench.heartbeats import Gateway, Heartbeats, gateways_of
from bench.load import Sending, Townships
from bench.rig import answering, child, codes, parser, percentile, resident_mb, show, tree_cpu_s
from bench.steps import Step, figures, told
from firmware_sim.broker import Mosquitto
from firmware_sim.premises import toml
from firmware_sim.servers.daemon import free_port
from firmware_sim.servers.influx import Influx
from firmware_sim.servers.postgres import Postgres
from transport.keys import new_key

# 1,000,000 windows, 100 ratings a window and day, 8 hours open: docs/scale.md.
AVERAGE = 1_000_000 * 100 / (8 * 3600)
RAISE = 1.25
MOST_STEPS = 8
BOUND_S = 2.0
SHARE = 0.97
PATIENCE_S = 60.0
FIRST_S = 300.0

UNFED = """
SELECT h.position - coalesce((SELECT position FROM series_cursor WHERE id = 1), 0) FROM ledger_head AS h WHERE h.id = 1
"""
LEDGER = "SELECT node, epoch, first, last FROM ledger_entry WHERE kind = 'batch' ORDER BY node, first"
TALLIED = """
SELECT (SELECT sum(satisfied + basic + dissatisfied) FROM tally_city),
       (SELECT sum(satisfied + basic + dissatisfied) FROM tally_minute),
       (SELECT sum(satisfied + basic + dissatisfied) FROM tally_day),
       (SELECT count(*) FROM quarantine) + (SELECT count(*) FROM uncounted),
       (SELECT count(*) FROM tally_minute)
"""
SIZES = "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r' AND relname = ANY($1)"
TABLES = ["ledger_entry", "tally_minute", "tally_day", "tally_township", "tally_city"]


class Parts(NamedTuple):
    """What runs, and the process behind each name."""

    broker: Mosquitto
    postgres: Postgres
    influx: Influx
    pids: Mapping[str, int]
    url: str


@asynccontextmanager
async def running(
    folder: Path, townships: Townships, gateways: Sequence[Gateway], roles: Sequence[str]
) -> AsyncIterator[Parts]:
    """Start everything, with every node and gateway registered."""
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Mosquitto(folder / "broker"))
        postgres = await stack.enter_async_context(Postgres(folder / "postgres"))
        influx = await stack.enter_async_context(Influx(folder / "influx"))
        url = await postgres.create("manyi")
        new_key(folder / "city.key")
        document = str(folder / "registration.json")
        townships.registration(Path(document), {gateway.name: gateway.signer.public for gateway in gateways})
        pids = {"broker": broker.pid, "postgres": postgres.pid, "influx": influx.pid}
        known = False
        for role in roles:
            http = free_port()
            settings = folder / f"{role}.toml"
            settings.write_text(_settings(folder, broker.port, http, url, postgres, influx), encoding="utf-8")
            if not known:
                await _told(settings, "cli.main", "db", "upgrade")
                await _told(settings, "cloud", "register", more=document)
                known = True
            only = [] if role == "whole" else ["--only", role.rstrip("123456789")]
            log = folder / f"{role}.log"
            process = stack.enter_context(child("cloud", "run", "--config", str(settings), *only, log=log))
            await answering(f"http://127.0.0.1:{http}/health", process, log)
            pids[role] = process.pid
        yield Parts(broker, postgres, influx, pids, postgres.url_with_password("manyi"))


async def _told(settings: Path, *words: str, more: str | None = None) -> None:
    command = [sys.executable, "-m", *words, "--config", str(settings), *([more] if more else [])]
    await asyncio.to_thread(subprocess.run, command, check=True, stdout=subprocess.DEVNULL)


def _settings(folder: Path, mqtt: int, http: int, url: str, postgres: Postgres, influx: Influx) -> str:
    return toml(
        {
            "database": url,
            "database_password_file": str(postgres.password_file),
            "key": str(folder / "city.key"),
            "clock": "trusted",
        },
        broker={"host": "127.0.0.1", "port": mqtt},
        http={"host": "127.0.0.1", "port": http},
        series={"kind": "influx", "url": influx.url, "database": "manyi", "token_file": str(influx.token_file)},
    )


class Watch:
    """CPU by process and the series' lag, between `begin` and `end`. The nginx before InfluxDB is left out (1 us)."""

    def __init__(self, parts: Parts, database: asyncpg.Connection) -> None:
        self._parts = parts
        self._database = database
        self._before: dict[str, float] = {}
        self._since = 0.0
        self._most = 0

    def begin(self) -> None:
        """Start counting."""
        self._most = 0
        self._before = self._used()
        self._since = time.perf_counter()

    async def look(self) -> None:
        """Until cancelled: how far the series is behind, once a second."""
        while True:
            self._most = max(self._most, int(await self._database.fetchval(UNFED) or 0))
            await asyncio.sleep(1.0)

    def end(self) -> tuple[dict[str, float], int]:
        """CPU of each process, seconds a second, and the most entries that the series was behind."""
        took = time.perf_counter() - self._since
        now = self._used()
        return {name: round((now[name] - was) / took, 3) for name, was in self._before.items()}, self._most

    def _used(self) -> dict[str, float]:
        used = {name: tree_cpu_s(pid) for name, pid in self._parts.pids.items()}
        times = os.times()
        return used | {"generator": times.user + times.system}


async def step(sending: Sending, townships: Townships, watch: Watch, rate: float, seconds: float, a_batch: int) -> Step:
    """Offer `rate` ratings a second for `seconds`."""
    parcels = townships.steady(rate, seconds, a_batch)
    watch.begin()
    looking = asyncio.get_running_loop().create_task(watch.look(), name="series lag")
    outcome = await sending.send(parcels, a_batch, patience_s=PATIENCE_S)
    cpu, lag = watch.end()
    looking.cancel()
    await asyncio.wait([looking])
    took = outcome.end - outcome.begin
    delays = [delay * 1000 for delay in outcome.delays_s] or [float("inf")]
    p99 = percentile(delays, 0.99)
    settled = len(outcome.delays_s) * a_batch / took
    held = not outcome.missing and settled >= SHARE * rate and p99 <= BOUND_S * 1000
    return Step(rate, settled, percentile(delays, 0.5), p99, held, outcome.missing, outcome.late_s * 1000, cpu, lag)


async def verified(parts: Parts, townships: Townships, database: asyncpg.Connection) -> dict[str, float | int | str]:
    """Compare what was sent with ledger, tallies and series; the figures of it."""
    wanted = sum(townships.sent.values())
    epochs = {node.name: node.epoch for node in townships.nodes}
    reached: dict[str, int] = {}
    wrong = 0
    for node, epoch, first, last in await database.fetch(LEDGER):
        wrong += epoch != epochs.get(node) or first != reached.get(node, 0) + 1
        reached[node] = last
    exactly = not wrong and reached == townships.sent
    *tallied, minutes = await database.fetchrow(TALLIED)
    begin = time.perf_counter()
    while (behind := int(await database.fetchval(UNFED) or 0)) and time.perf_counter() - begin < PATIENCE_S:
        await asyncio.sleep(0.2)
    fed_s = time.perf_counter() - begin
    found = await parts.influx.query('SELECT count("n") FROM "raw"."rating"', "manyi")
    points = found[0]["values"][0][1] if found else 0  # type: ignore[index]
    sizes = {str(name): int(size) for name, size in await database.fetch(SIZES, TABLES)}
    return {
        "sent": wanted,
        "ledger_exactly_once": str(exactly).lower(),
        "tallies_agree": str(tallied == [wanted, wanted, wanted, 0]).lower(),
        "series_points": int(str(points)),
        "series_behind": behind,
        "series_caught_up_s": round(fed_s, 1),
        "ledger_bytes_a_rating": round(sizes["ledger_entry"] / wanted),
        "tally_minute_bytes_a_row": round(sizes["tally_minute"] / minutes),
    }


async def measure(
    roles: Sequence[str], windows: int, seconds: float, a_batch: int, *, bare: bool
) -> dict[str, float | int | str]:
    """Raise the rate until it no longer holds; `bare`: of ratings alone."""
    townships = Townships(codes(), windows, seed=1)
    gateways = gateways_of(townships)
    with tempfile.TemporaryDirectory(prefix="manyi-bench-") as name:
        folder = Path(name)
        async with running(folder, townships, gateways, roles) as parts:
            database = await asyncpg.connect(parts.url)
            sending = Sending(parts.broker.host, parts.broker.port)
            await sending.open(townships.codes)
            first = await sending.send(townships.once_each(), 1, patience_s=FIRST_S)
            if first.missing:
                sys.exit(f"{first.missing} of {first.sent} nodes were never answered; the logs are gone with {folder}")
            heartbeats = Heartbeats([] if bare else gateways, time.time_ns() // 1_000_000)
            beating = asyncio.get_running_loop().create_task(heartbeats.run(sending.say), name="heartbeats")
            watch = Watch(parts, database)
            steps: list[Step] = []
            rate, length = AVERAGE, seconds
            while len(steps) < MOST_STEPS and (not steps or steps[-1].held == steps[0].held):
                steps.append(await step(sending, townships, watch, rate, length, a_batch))
                told(steps[-1])
                rate, length = rate * RAISE if steps[0].held else rate / RAISE, max(5.0, seconds / 3)
            beating.cancel()
            await asyncio.wait([beating])
            result = figures(steps, first) | await verified(parts, townships, database)
            result["hellos_kept"] = int(await database.fetchval("SELECT count(*) FROM hello") or 0)
            result["bytes_up_a_rating"] = round(sending.bytes_up / sum(townships.sent.values()))
            for kind, size in sending.bytes_down.items():
                result[f"bytes_of_{kind}s_a_rating"] = round(size / sum(townships.sent.values()))
            for process, pid in parts.pids.items():
                result[f"resident_mb_{process}"] = round(resident_mb(pid))
            sending.close()
            await database.close()
    return result


async def main() -> None:
    """Measure at one rating a batch, and at ten."""
    options = parser(__doc__ or "")
    options.add_argument("--seconds", type=float, default=60.0, help="how long the rate of a million windows is held")
    options.add_argument("--windows", type=int, default=100_000, help="how many windows are registered and rated")
    options.add_argument("--workers", type=int, default=2, help="how many ingest processes share the counties")
    options.add_argument("--bare", action="store_true", help="ratings alone, without statuses and hellos")
    options.add_argument("--whole", action="store_true", help="one process with every role, instead of one for each")
    chosen = options.parse_args()
    share = 10 if chosen.quick else 1
    workers = [f"ingest{number + 1}" for number in range(chosen.workers)]
    roles = ["whole"] if chosen.whole else [*workers, "web"]
    result: dict[str, float | int | str] = {}
    for a_batch in (1, 10):
        print(f"{a_batch} a batch", file=sys.stderr)
        found = await measure(roles, chosen.windows // share, chosen.seconds / share, a_batch, bare=chosen.bare)
        result |= {f"{name}_{a_batch}": value for name, value in found.items()}
    show(result, bare=chosen.json)


if __name__ == "__main__":
    asyncio.run(main())
