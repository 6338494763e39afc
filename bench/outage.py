"""The line to the city is back after a day: how fast a million ratings come in, and how long live ones take meanwhile.

170 real gateways whose journals hold a day, in batches of about ten; mosquitto for the city and another for the
townships; the real city on SQLite with an onlooker at its wall. The line from the gateways to the city's broker is cut
while they start and people go on pressing. `seconds` run from its return, which all gateways notice within four
seconds, until the wall has the last old rating.

What is pressed meanwhile is followed from its commit on the node to the city's ack as that passes the broker, and to
the first diff of the wall's stream that includes its ledger position. Live is what was committed after the city had
welcomed the township's gateway; what was pressed before is part of the outage. Everything shares the machine's cores,
so `verify_us` tells what one signature took to verify on them just before.
"""

import asyncio
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.ground import HABITS, Ground, prepared
from bench.line import Line
from bench.listening import Ear, Number, Onlooker
from bench.press import Lit, Press
from bench.rig import city, cpu_s, parser, percentile, resident_mb, show
from contract.bundle import Signed
from contract.identity import township_of
from contract.signing import Signer, public_key, verify
from edge.settings import read
from firmware_sim.broker import Mosquitto
from firmware_sim.children import Child
from firmware_sim.premises import Wires, cloud
from firmware_sim.puppets import Puppets
from firmware_sim.servers.daemon import free_port
from firmware_sim.verdict import Row, Verdict, judge
from proof import ledger, tallies

TOWNSHIPS = 170
WINDOWS = 10_000
A_SECOND = 30.0
# Processes that the gateways share.
HOUSES = 2
CUT_OFF_S = 5.0
AFTER_S = 5.0
PATIENCE_S = 600.0
LOOK_S = 0.2
VERIFIED = 5000


class Seen(NamedTuple):
    """What was seen from the line's return (`begin`) to the last old rating (`end`), monotonic seconds."""

    begin: float
    end: float
    lit: Sequence[Lit]
    ear: Ear
    wall: Onlooker
    cpu: Mapping[str, float]
    resident: Mapping[str, float]
    verify_us: float


@asynccontextmanager
async def gateways(ground: Ground) -> AsyncIterator[list[int]]:
    """The gateways, in processes of their own; their ids."""
    async with AsyncExitStack() as stack:
        houses: list[Child] = []
        for number in range(HOUSES):
            spec = ground.folder / f"gateways{number}.json"
            files = [str(file) for file in ground.premises.gateways[number::HOUSES]]
            spec.write_bytes(msgspec.json.encode({"gateways": files}))
            command = [sys.executable, "-m", "bench.line", str(spec)]
            house = Child(spec.stem, command, log=ground.folder / f"{spec.stem}.log", speaks=True)
            await house.start()
            stack.push_async_callback(house.stop)
            houses.append(house)
        for house in houses:
            await house.says("ready")
        yield [house.pid for house in houses]


async def caught_up(
    ground: Ground, line: Line, high: Mosquitto, low: Mosquitto, pid: int, per_s: float, seed: int
) -> Seen:
    """Cut the line, let it come back, and watch until everything is in."""
    wall, ear = Onlooker(f"http://127.0.0.1:{ground.wires.http}", ground.premises.keys.header), Ear()
    first = {township_of(file.parent.name): file for file in reversed(ground.premises.nodes)}
    puppets = Puppets([read(file) for file in first.values()], name="live")
    press = Press(puppets, per_s, seed)
    async with gateways(ground) as houses, asyncio.TaskGroup() as tasks:
        living = tasks.create_task(puppets.run(), name="puppets")
        looking = tasks.create_task(wall.run(), name="onlooker")
        await puppets.ready.wait()
        ear.wanted = {puppet.outbox.stream.epoch for puppet in puppets.puppets}
        pressing = tasks.create_task(press.run(), name="press")
        await ear.open(high.host, high.port)
        await asyncio.sleep(CUT_OFF_S)
        pids = {"city": pid, "broker": high.pid, "townships_broker": low.pid}
        pids |= {f"gateways{number}": pid for number, pid in enumerate(houses)}
        print("the line is back", pids, file=sys.stderr, flush=True)
        took_us = verify_us()
        begin, before = time.monotonic(), used(pids)
        await line.open()
        while wall.total < ground.backlog.ratings + len(ear.settled):
            if time.monotonic() - begin > PATIENCE_S:
                break
            await asyncio.sleep(LOOK_S)
        end, after = time.monotonic(), used(pids)
        resident = {name: round(resident_mb(pid)) for name, pid in pids.items()}
        await asyncio.sleep(AFTER_S)
        press.stop()
        await pressing
        limit = time.monotonic() + PATIENCE_S / 10
        while wall.total < ground.backlog.ratings + len(press.lit) and time.monotonic() < limit:
            await asyncio.sleep(LOOK_S)
        puppets.stop()
        await living
        looking.cancel()
    ear.close()
    cpu = {name: round(after[name] - used_s, 1) for name, used_s in before.items()}
    return Seen(begin, end, press.lit, ear, wall, cpu, resident, took_us)


def verify_us() -> float:
    """Microseconds of CPU for one verification of a batch of ten, as this machine is just now."""
    signer = Signer(bytes(32))
    entry, key = Signed.of(signer.entry(bytes(300))), public_key(signer.public)
    begin = time.thread_time()
    for _ in range(VERIFIED):
        verify(entry.body, entry.signature, key)
    return round((time.thread_time() - begin) / VERIFIED * 1e6, 1)


def used(pids: Mapping[str, int]) -> dict[str, float]:
    """Seconds of CPU of each process, and of this one, which plays nodes, fingers, ear and onlooker."""
    times = os.times()
    return {name: cpu_s(pid) for name, pid in pids.items()} | {"bench": times.user + times.system}


def figures(ground: Ground, seen: Seen) -> dict[str, float | int | str]:
    """What it came to."""
    with closing(ledger.connect(ground.premises.database)) as database:
        positions, last_old = _positions(database, {lit.number[1] for lit in seen.lit})
    end = seen.wall.seen_at(last_old) or seen.end
    seconds = end - seen.begin
    live = [lit for lit in seen.lit if seen.ear.welcomed.get(township_of(lit.number[0]), end) < lit.at < end]
    to_ledger = [1000 * (seen.ear.settled[lit.number] - lit.at) for lit in live if lit.number in seen.ear.settled]
    shown = [(seen.wall.seen_at(positions[lit.number]), lit.at) for lit in live if lit.number in positions]
    to_wall = [1000 * (at - since) for at, since in shown if at is not None]
    ratings, batches, size = ground.backlog
    bundles = max(1, seen.ear.bundles)
    cpu = sum(seen.cpu.values())
    return {
        "ratings": ratings,
        "seconds": round(seconds, 1),
        "ratings_per_s": round(ratings / seconds),
        "reconnected_s": round(max(seen.ear.welcomed.values(), default=end) - seen.begin, 1),
        **_spread("live_wall", to_wall),
        **_spread("live_ledger", to_ledger),
        "live": len(live),
        "live_never_seen": len(live) - min(len(to_wall), len(to_ledger)),
        "pressed": len(seen.lit),
        "a_batch": round(ratings / batches, 1),
        "bytes_a_rating": round(size / ratings, 1),
        "bundles": seen.ear.bundles,
        "ratings_a_bundle": round(ratings / bundles),
        "bundle_bytes": round(seen.ear.bundle_bytes / bundles),
        "wire_bytes_a_rating": round(seen.ear.bundle_bytes / ratings, 1),
        **{f"cpu_s_{name}": used_s for name, used_s in seen.cpu.items()},
        "cpu_us_a_rating": round(cpu / ratings * 1e6),
        "ratings_a_cpu_s": round(ratings / cpu),
        **{f"resident_mb_{name}": mb for name, mb in seen.resident.items()},
        "verify_us": seen.verify_us,
        "load_average": round(os.getloadavg()[0], 1),
    }


def _positions(database: sqlite3.Connection, live: set[str]) -> tuple[dict[Number, int], int]:
    """Where each live number stands in the ledger, and where the last old one does."""
    positions: dict[Number, int] = {}
    last_old = 0
    entries = database.execute("SELECT position, node, epoch, first, last FROM ledger_entry WHERE kind = 'batch'")
    for position, node, epoch, first, last in entries:
        if epoch not in live:
            last_old = max(last_old, position)
            continue
        for number in range(first, last + 1):
            positions.setdefault((node, epoch, number), position)
    return positions, last_old


def _spread(name: str, samples: Sequence[float]) -> dict[str, float | int | str]:
    if not samples:
        return {f"{name}_p50_ms": "none"}
    return {
        f"{name}_p50_ms": percentile(samples, 0.5),
        f"{name}_p99_ms": percentile(samples, 0.99),
        f"{name}_max_ms": round(max(samples), 1),
    }


def verdict(ground: Ground, seen: Seen) -> Verdict:
    """The oracle's judgement on the old ratings and the live ones together."""
    file = ground.premises.database
    rows = (
        Row(one.node, one.epoch, one.seq, one.window, one.level, one.at, bounds=one.bounds)
        for one in ledger.read(file)
        if one.counted
    )
    choices = chain(ground.day.choices(ground.plan), (lit.choice for lit in seen.lit))
    return judge(choices, rows, tallies=tallies.total(file), wall=seen.wall.total)


async def measure(townships: int, windows: int, per_s: float, seed: int) -> dict[str, float | int | str]:
    """Prepare, cut, catch up, judge."""
    with tempfile.TemporaryDirectory(prefix="manyi-bench-") as name:
        folder = Path(name)
        high, low = Mosquitto(folder / "high"), Mosquitto(folder / "low")
        async with high, low, Line(high.port) as line:
            wires = Wires(line.port, low.port, free_port())
            ground = await prepared(folder, wires, townships, windows, seed)
            settings = ground.premises.cloud
            # The city stands beside its broker.
            settings.write_text(cloud(wires._replace(city_broker=high.port), HABITS), encoding="utf-8")
            async with city(settings, ground.premises.registration, wires.http) as running:
                seen = await caught_up(ground, line, high, low, running.pid, per_s, seed)
        judged = verdict(ground, seen)
        print("\n".join(judged.examples), end="", file=sys.stderr)
        counts = {key: value for key, value in asdict(judged).items() if key not in {"examples", "delays"}}
        return {**figures(ground, seen), **counts, "clean": str(judged.clean).lower()}


async def main() -> None:
    """Measure once."""
    options = parser(__doc__ or "")
    options.add_argument("--townships", type=int, default=TOWNSHIPS, help="how many gateways catch up")
    options.add_argument("--windows", type=int, default=WINDOWS, help="at each of which 100 ratings were made")
    options.add_argument("--per-s", type=float, default=A_SECOND, help="live ratings a second meanwhile")
    options.add_argument("--seed", type=int, default=1, help="what was pressed, where and when")
    chosen = options.parse_args()
    share = 10 if chosen.quick else 1
    show(await measure(chosen.townships // share, chosen.windows // share, chosen.per_s, chosen.seed), bare=chosen.json)


if __name__ == "__main__":
    asyncio.run(main())
