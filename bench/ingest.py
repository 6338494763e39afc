"""Ratings a second into the city's ledger: over real MQTT, verified, committed, acknowledged.

Beside it, in the same run and on the same bytes, the bare parts: msgspec decode, PyNaCl verify and one SQLite
transaction a bundle in a plain loop, without MQTT, dedupe, tallies or acknowledgement.

The sender keeps a few bundles of every township in flight, as gateways do, and counts what the acks call settled. It is
a process of its own, as the broker and the city are; all share the machine's cores.
"""

import asyncio
import secrets
import sqlite3
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import NamedTuple

from bench.rig import arguments, city, codes, show
from contract import topics
from contract.ack import Ack
from contract.batch import Batch
from contract.bundle import pack, unpack
from contract.codec import decode, decode_batch, encode
from contract.identity import EPOCH_BITS, epoch_text, township_of
from contract.rating import Quality, Row
from contract.signing import Signer, public_key, verify
from firmware_sim.broker import Mosquitto
from firmware_sim.cityplan import TownshipPlan, lay_out
from firmware_sim.premises import Wires, build
from firmware_sim.servers.daemon import free_port
from transport.broker import Broker
from transport.keys import read_key
from transport.link import Link

WINDOWS = 1000
TOWNSHIPS = 30
BUNDLE_BYTES = 64 * 1024
IN_FLIGHT = 2
PATIENCE_S = 120.0


class Bundle(NamedTuple):
    """A payload, and how many ratings it holds."""

    payload: bytes
    ratings: int


class Load(NamedTuple):
    """Bundles ready to send, by township, and how many ratings they hold together."""

    bundles: dict[str, deque[Bundle]]
    ratings: int


def make_load(plan: list[TownshipPlan], signers: dict[str, Signer], ratings: int, a_batch: int) -> Load:
    """Sign `ratings` ratings in batches of `a_batch`, spread evenly over all nodes, in the last minutes."""
    nodes = [node for township in plan for node in township.nodes]
    each = max(1, ratings // len(nodes) // a_batch)
    start = time.time_ns() // 10**6 - 120_000
    entries: dict[str, list[bytes]] = {township.code: [] for township in plan}
    epochs = {node.name: epoch_text(secrets.randbits(EPOCH_BITS)) for node in nodes}
    for number in range(each):
        for node in nodes:
            first = number * a_batch + 1
            rows = [
                Row(i * 250, node.wiring[(number + i) % len(node.wiring)].id, 1 + (number * 7 + i * 5) % 3, 1)
                for i in range(a_batch)
            ]
            batch = Batch(1, node.name, epochs[node.name], first, start + number * 100, Quality.SYNCHRONISED, rows)
            entries[township_of(node.name)].append(signers[node.name].entry(encode(batch)))
    return Load({code: deque(bundled(made, a_batch)) for code, made in entries.items()}, each * len(nodes) * a_batch)


def bundled(entries: list[bytes], a_batch: int) -> list[Bundle]:
    """Bundles of at most `BUNDLE_BYTES` before compression."""
    pages: list[list[bytes]] = [[]]
    size = 0
    for entry in entries:
        if size + len(entry) > BUNDLE_BYTES:
            pages.append([])
            size = 0
        pages[-1].append(entry)
        size += len(entry) + 1
    return [Bundle(pack(page), len(page) * a_batch) for page in pages]


class Sender:
    """Publishes each township's bundles, a few in flight, until everything is settled."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._settled = 0
        self._flying: dict[str, deque[int]] = {code: deque() for code in load.bundles}
        self._answered = dict.fromkeys(load.bundles, 0)
        self._done = asyncio.Event()
        self._up = asyncio.Event()

    async def run(self, broker: Broker) -> float:
        """Send everything; seconds from the first publish to the last ack."""
        async with Link(
            broker,
            client_id="bench",
            subscribe=[topics.every_township("acks")],
            on_receive=self._arrived,
            on_up=self._up.set,
            on_down=self._up.clear,
        ) as self._link:
            await self._up.wait()
            begin = time.perf_counter()
            for code in self._load.bundles:
                self._fill(code)
            async with asyncio.timeout(PATIENCE_S):
                await self._done.wait()
            return time.perf_counter() - begin

    def _fill(self, code: str) -> None:
        waiting, flying = self._load.bundles[code], self._flying[code]
        while waiting and len(flying) < IN_FLIGHT:
            payload, ratings = waiting.popleft()
            flying.append(ratings)
            self._link.publish(topics.township(code, "live"), payload)

    def _arrived(self, topic: str, payload: bytes) -> None:
        code = topics.writer(topic)
        settled = 0
        for entry in unpack(payload):
            ack = decode(entry.body)
            if isinstance(ack, Ack):
                settled += sum(hi - lo + 1 for lo, hi in ack.settled)
        self._settled += settled
        self._answered[code] += settled
        flying = self._flying[code]
        while flying and self._answered[code] >= flying[0]:
            self._answered[code] -= flying.popleft()
        self._fill(code)
        if self._settled >= self._load.ratings:
            self._done.set()


def bare(load: Load, keys: dict[str, bytes], folder: Path) -> float:
    """The bare parts on the same bundles; seconds."""
    database = sqlite3.connect(folder / "bare.db", isolation_level=None)
    database.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE entry"
        " (position INTEGER PRIMARY KEY, node TEXT, epoch TEXT, first INTEGER, last INTEGER, raw BLOB);"
    )
    payloads = [bundle.payload for bundles in load.bundles.values() for bundle in bundles]
    begin = time.perf_counter()
    for payload in payloads:
        rows = []
        for entry in unpack(payload):
            batch = decode_batch(entry.body)
            if verify(entry.body, entry.signature, keys[batch.node]):
                rows.append((batch.node, batch.epoch, batch.first, batch.last, entry.raw))
        database.execute("BEGIN")
        database.executemany("INSERT INTO entry (node, epoch, first, last, raw) VALUES (?, ?, ?, ?, ?)", rows)
        database.execute("COMMIT")
    took = time.perf_counter() - begin
    database.close()
    return took


async def measure(ratings: int, a_batch: int) -> tuple[float, float]:
    """Ratings a second: ours, and the bare loop's."""
    with tempfile.TemporaryDirectory(prefix="manyi-bench-") as name:
        folder = Path(name)
        plan = lay_out(codes(), windows=WINDOWS, townships=TOWNSHIPS, seed=1)
        async with Mosquitto(folder / "broker") as broker:
            wires = Wires(broker.port, broker.port, free_port())
            premises = build(plan, folder / "city", wires=wires)
            signers = {path.parent.name: read_key(path.parent / "node.key") for path in premises.nodes}
            load = make_load(plan, signers, ratings, a_batch)
            keys = {node: public_key(signer.public) for node, signer in signers.items()}
            raw_s = bare(load, keys, folder)
            async with city(premises.cloud, premises.registration, wires.http):
                ours_s = await Sender(load).run(Broker(broker.host, broker.port))
    return load.ratings / ours_s, load.ratings / raw_s


async def main() -> None:
    """Measure at ten ratings a batch and at one."""
    options = arguments(__doc__ or "")
    share = 10 if options.quick else 1
    ours_10, raw_10 = await measure(600_000 // share, 10)
    ours_1, raw_1 = await measure(100_000 // share, 1)
    show(
        {
            "ratings_per_s_10": round(ours_10),
            "ratings_per_s_1": round(ours_1),
            "raw_10": round(raw_10),
            "raw_1": round(raw_1),
        },
        bare=options.json,
    )


if __name__ == "__main__":
    asyncio.run(main())
