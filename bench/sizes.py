"""What a rating costs apart from time: signatures a second, bytes on the wire, in SQLite and in InfluxDB.

The signatures are PyNaCl's alone, over a batch of one rating and of ten, by CPU time. SQLite is a whole city's, fed
over MQTT, its tables measured by `dbstat` with their indexes. `packet_*` are whole MQTT packets of a township of 15
nodes: what it says besides ratings, and what the city answers. InfluxDB gets a week (one shard) of 2,000 windows'
ratings and a month of their daily sums, and is told to compact what it has: the size is that of its files afterwards.
PostgreSQL's sizes are in `bench.scale`.
"""

import asyncio
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from uuid import uuid4

import httpx

from bench.heartbeats import NODES_A_GATEWAY, Gateway, gateways_of, greetings, packet_on, passed_on, statuses
from bench.load import WINDOWS_A_NODE, Node, Sending, Townships
from bench.rig import city, codes, parser, show
from cloud.ingest.answers import welcome_to
from cloud.ingest.reading import Arrival, read
from cloud.registry.snapshot import Kind, RegisteredNode, Registry
from cloud.series.influx import Influx as Client
from cloud.series.lines import DAILY, FOREVER, RAW, rating_lines, sum_lines
from contract.ack import Ack, Receipt
from contract.batch import Batch
from contract.bundle import pack
from contract.codec import encode
from contract.hello import Clock, Hello, Stream
from contract.identity import township_of
from contract.ranges import Ranges
from contract.rating import Quality, Row
from contract.signing import Signer, public_key, verify
from firmware_sim.broker import Mosquitto
from firmware_sim.premises import toml
from firmware_sim.servers.daemon import free_port
from firmware_sim.servers.influx import Influx
from transport.keys import new_key

SIGNATURES = 20_000
RATINGS = 100_000
WINDOWS = 10_000
SERIES_WINDOWS = 2_000
A_WEEK = 700
DAYS = 30
LINES = 5_000
WEEK_MS = 7 * 86_400_000
# InfluxDB compacts a shard that nobody writes to; it would wait for hours before it calls one that.
HASTE = {
    "INFLUXDB_DATA_CACHE_SNAPSHOT_WRITE_COLD_DURATION": "1s",
    "INFLUXDB_DATA_COMPACT_FULL_WRITE_COLD_DURATION": "2s",
}
STILL_S = 15.0
TABLES = ("ledger_entry", "tally_minute", "tally_day", "tally_township")


def signatures(a_batch: int, count: int) -> tuple[float, float]:
    """Signatures made and verified in a second of CPU."""
    signer = Signer(bytes(32))
    rows = [Row(250 * row, "01", 3, 1) for row in range(a_batch)]
    bodies = [
        encode(Batch(1, "371721121-a1", "q7Zk2wX0aB", n + 1, n, Quality.SYNCHRONISED, rows)) for n in range(count)
    ]
    signed: list[bytes] = []
    made_s = _took(lambda: signed.extend(signer.sign(body) for body in bodies))
    key = public_key(signer.public)
    good: list[bool] = []
    seen_s = _took(lambda: good.extend(verify(body, text, key) for body, text in zip(bodies, signed, strict=True)))
    if not all(good):
        raise RuntimeError("a signature of our own does not verify")
    return count / made_s, count / seen_s


def _took(work: Callable[[], None]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


async def in_sqlite(a_batch: int, ratings: int, windows: int) -> dict[str, float | int | str]:
    """Bytes a row of each table, and bytes of a rating on the wire."""
    townships = Townships(codes(), windows, seed=1)
    with tempfile.TemporaryDirectory(prefix="manyi-bench-") as name:
        folder = Path(name)
        async with Mosquitto(folder / "broker") as broker:
            http = free_port()
            new_key(folder / "city.key")
            townships.registration(folder / "registration.json")
            settings = folder / "cloud.toml"
            at: dict[str, str | int] = {"host": "127.0.0.1", "port": broker.port}
            top = {"database": "manyi.db", "key": "city.key", "clock": "trusted"}
            settings.write_text(toml(top, broker=at, http={"host": "127.0.0.1", "port": http}), encoding="utf-8")
            async with city(settings, folder / "registration.json", http):
                sending = Sending(broker.host, broker.port)
                await sending.open(townships.codes)
                outcome = await sending.send(townships.steady(ratings * 10, 0.1, a_batch), a_batch, patience_s=120)
                sending.close()
        if outcome.missing:
            raise RuntimeError(f"{outcome.missing} batches were never settled; the city's log said why")
        sizes = table_sizes(folder / "manyi.db")
    figures: dict[str, float | int | str] = {
        f"sqlite_{table}_row_{a_batch}": round(size) for table, size in sizes.items()
    }
    figures[f"bytes_up_{a_batch}"] = round(sending.bytes_up / ratings)
    figures[f"bytes_down_{a_batch}"] = round(sending.bytes_down.total() / ratings)
    return figures


def packets(now: int) -> dict[str, float | int | str]:
    """Bytes of a packet of each kind; a rating's own are measured in `in_sqlite`."""
    townships = Townships(codes()[:1], NODES_A_GATEWAY * WINDOWS_A_NODE, seed=1)
    (gateway,) = gateways_of(townships)
    node = gateway.nodes[0]
    asked = [Stream(one.name, one.epoch, [(1, 1234)]) for one in gateway.nodes]
    greeting = Hello(1, gateway.name, gateway.epoch, 0, f"{gateway.epoch}.1440", 1, "boot", 1, now, asked)
    standing = {stream.key: Ranges(stream.has) for stream in asked}
    welcome = welcome_to(greeting, standing, node.epoch, Clock(str(uuid4()), 864_000_000, now, 1))
    receipt = gateway.signer.entry(encode(Receipt(node.name, node.epoch, [(1, 1234)], now)))
    ack = encode(Ack(node.name, node.epoch, settled=[(1234, 1234)]))
    (code,) = townships.codes
    return {
        "packet_status": len(packet_on("status", *next(statuses([gateway], now)))),
        "packet_gateway_hello": len(packet_on("live", *next(greetings([gateway], now)))),
        "packet_node_hellos": len(packet_on("live", *next(passed_on([gateway], now)))),
        "packet_welcome": len(packet_on("acks", code, pack([encode(welcome)]))),
        "packet_receipt": len(packet_on("acks", code, pack([receipt]))),
        "packet_ack": len(packet_on("acks", code, pack([ack]))),
    }


def hellos(windows: int, now: int) -> dict[str, float | int | str]:
    """Microseconds of CPU in which the city unpacks, decodes and verifies one of each kind."""
    townships = Townships(codes(), windows, seed=1)
    gateways = gateways_of(townships)
    kinds: tuple[tuple[Kind, Sequence[Node | Gateway]], ...] = (("node", townships.nodes), ("gateway", gateways))
    known = [
        RegisteredNode(who.name, kind, township_of(who.name), public_key(who.signer.public), 0, None)
        for kind, everybody in kinds
        for who in everybody
    ]
    registry = Registry(1, nodes=known)
    figures: dict[str, float | int | str] = {}
    for name, said in (("node", passed_on(gateways, now)), ("gateway", greetings(gateways, now))):
        arrivals = [Arrival("live", code, payload, now) for code, payload in said]
        begin = time.process_time()
        reading = read(arrivals, registry, {}, b"")
        figures[f"us_a_{name}_hello"] = round((time.process_time() - begin) / len(reading.hellos) * 1e6)
    return figures


def table_sizes(file: Path) -> dict[str, float]:
    """Bytes of pages of each table by row, its indexes with it."""
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    owners = dict(database.execute("SELECT name, tbl_name FROM sqlite_master"))
    sizes: dict[str, int] = {}
    for name, size in database.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
        table = owners.get(name, name)
        sizes[table] = sizes.get(table, 0) + size
    rows = {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in TABLES}  # noqa: S608
    database.close()
    return {name: sizes[name] / max(1, rows[name]) for name in TABLES}


def points(windows: list[str], each: int, now: int) -> Iterator[str]:
    """The ratings of the last whole shard as lines, in the order of their time; 94 of 100 are satisfied."""
    random = Random(1)
    # InfluxDB counts its weeks from 1970.
    begin = (now // WEEK_MS - 1) * WEEK_MS
    step = WEEK_MS / (len(windows) * each)
    for number in range(len(windows) * each):
        level = 3 if random.random() < 0.94 else random.choice((1, 2))
        node, _, window = random.choice(windows).partition("/")
        row = Row(0, window, level, 1)
        batch = Batch(1, node, "q7Zk2wX0aB", number + 1, begin + int(number * step), Quality.SYNCHRONISED, [row])
        yield from rating_lines(batch, [0])


def sums(windows: list[str], days: int, now: int) -> Iterator[str]:
    """A row of every window for each of `days`, as lines."""
    random = Random(2)
    today = now // 86_400_000 * 1440
    for day in range(days):
        rows = [
            (today - 1440 * (days - day), window, "button", 80 + random.randrange(20), random.randrange(8), 1)
            for window in windows
        ]
        yield from sum_lines(DAILY, rows)


async def in_influx(windows: int, now: int) -> dict[str, float | int | str]:
    """Bytes of a point and of a daily sum, on disk and compacted."""
    os.environ.update(HASTE)
    names = [f"{code}-n{node}/{number:02d}" for node in range(16) for number in range(1, 5) for code in codes()]
    chosen = names[:windows]
    with tempfile.TemporaryDirectory(prefix="manyi-bench-") as name:
        folder = Path(name)
        async with Influx(folder / "influx") as influx:
            async with Client(influx.url, database="manyi", token=influx.token, org="manyi") as client:
                await client.prepare()
            await written(influx, RAW, points(chosen, A_WEEK, now))
            await written(influx, FOREVER, sums(chosen, DAYS, now))
            stored = folder / "influx" / "data" / "manyi"
            await still(stored, folder / "influx" / "wal")
            raw, forever = size_of(stored / RAW), size_of(stored / FOREVER)
    return {
        "influx_bytes_a_point": round(raw / (windows * A_WEEK), 1),
        "influx_bytes_a_daily_sum": round(forever / (windows * DAYS), 1),
    }


async def written(influx: Influx, policy: str, lines: Iterator[str]) -> None:
    """Write all lines, so many at a time."""
    head = {"Authorization": f"Token {influx.token}"}
    where = {"bucket": f"manyi/{policy}", "org": "manyi", "precision": "ns"}
    async with httpx.AsyncClient(base_url=influx.url, headers=head, trust_env=False, timeout=60) as client:
        waiting: list[str] = []
        for line in lines:
            waiting.append(line)
            if len(waiting) == LINES:
                (await client.post("/api/v2/write", params=where, content="\n".join(waiting))).raise_for_status()
                waiting = []
        if waiting:
            (await client.post("/api/v2/write", params=where, content="\n".join(waiting))).raise_for_status()


async def still(stored: Path, log: Path) -> None:
    """Wait until neither the files nor the log ahead of them have changed for a while."""
    before, since = (-1, -1), time.perf_counter()
    while time.perf_counter() - since < STILL_S:
        now = size_of(stored), size_of(log)
        if now != before:
            before, since = now, time.perf_counter()
        await asyncio.sleep(0.5)


def size_of(folder: Path) -> int:
    """Bytes of all files in `folder`; those that vanish meanwhile count nothing."""
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except OSError:
            continue
    return total


async def main() -> None:
    """Measure all of it."""
    options = parser(__doc__ or "").parse_args()
    share = 10 if options.quick else 1
    result: dict[str, float | int | str] = {}
    for a_batch in (1, 10):
        made, seen = signatures(a_batch, SIGNATURES // share)
        result |= {f"signed_per_s_{a_batch}": round(made), f"verified_per_s_{a_batch}": round(seen)}
    for a_batch in (1, 10):
        result |= await in_sqlite(a_batch, RATINGS // share, WINDOWS // share)
    result |= hellos(WINDOWS // share, time.time_ns() // 1_000_000)
    result |= packets(time.time_ns() // 1_000_000)
    result |= await in_influx(SERIES_WINDOWS // share, time.time_ns() // 1_000_000)
    show(result, bare=options.json)


if __name__ == "__main__":
    asyncio.run(main())
