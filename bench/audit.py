"""How long `manyi audit` takes for a million ratings, in signed batches of ten.

A ledger file with 100,000 batches of 1,000 nodes, each signed by its node's own key, and the tallies that follow from
them; the command is run as people run it, as a process of its own. Beside it, in the same run, what the signatures
alone take to verify.
"""

import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bench.rig import codes, parser, show
from cloud.calendar import Calendar
from cloud.database import open_database
from cloud.ledger.cells import ONE
from cloud.tallies import store as tallies
from contract.batch import Batch
from contract.bundle import Signed
from contract.codec import encode
from contract.rating import Quality, Row
from contract.signing import Signer, public_key, verify

NODES = 1_000
BATCHES = 100
A_BATCH = 10
EPOCH = "q7Zk2wX0aB"
# 9:00 on 2 November 2026 in Heze, and how often somebody rates at one node.
BEGIN_MS = 1_793_581_200_000
EVERY_MS = 90_000
_ENTRY = "INSERT INTO ledger_entry VALUES (?, 'batch', ?, ?, ?, ?, ?, 'live', ?)"
_NODE = "INSERT INTO node VALUES (?, 'node', ?, ?, 0, NULL)"

Cells = dict[tuple[str, int], int]


def drawn(node: str, batches: int, draw: random.Random) -> Iterator[Batch]:
    """What one node sent, at its four windows."""
    for at in range(batches):
        t0 = BEGIN_MS + at * A_BATCH * EVERY_MS
        rows = [
            Row(row * EVERY_MS, f"0{draw.randint(1, 4)}", draw.choice((3, 3, 3, 2, 1)), 1 + at * A_BATCH + row)
            for row in range(A_BATCH)
        ]
        yield Batch(1, node, EPOCH, 1 + at * A_BATCH, t0, Quality.SYNCHRONISED, rows)


def filled(ledger: Path, nodes: int, batches: int, seed: int) -> Cells:
    """Write the entries, as if they had come in turn; the counts by window and minute."""
    draw, townships = random.Random(seed), codes()
    cells: Cells = {}
    names = [f"{townships[at % len(townships)]}-a{at // len(townships)}" for at in range(nodes)]
    signers = [Signer(at.to_bytes(32, "big")) for at in range(nodes)]
    with closing(sqlite3.connect(ledger)) as database, database:
        for at, (node, signer) in enumerate(zip(names, signers, strict=True)):
            database.execute(_NODE, (node, node[:9], signer.public))
            database.executemany("INSERT INTO window VALUES (?, 0, NULL)", [(f"{node}/0{n}",) for n in range(1, 5)])
            entries = []
            for turn, batch in enumerate(drawn(node, batches, draw)):
                raw = signer.entry(encode(batch))
                received_at = batch.t0 + batch.rows[-1].ms + 1_000
                position = 1 + turn * nodes + at
                entries.append((position, node, EPOCH, batch.first, batch.last, received_at, raw))
                for row in batch.rows:
                    cell = (f"{node}/{row.window}", (batch.t0 + row.ms) // 60_000)
                    cells[cell] = cells.get(cell, 0) + ONE[row.level]
            database.executemany(_ENTRY, entries)
        database.execute("INSERT INTO ledger_head (id, position) VALUES (1, ?)", (nodes * batches,))
    return cells


async def ground(ledger: Path, nodes: int, batches: int, seed: int) -> None:
    """The ledger with its tallies."""
    async with await open_database(str(ledger)) as database:
        cells = filled(ledger, nodes, batches, seed)
        async with database.writer.begin() as connection:
            await tallies.add(connection, cells, Calendar("Asia/Shanghai"))


def signatures_s(ledger: Path) -> float:
    """How long it takes to verify every signature once, and nothing else."""
    with closing(sqlite3.connect(ledger)) as database:
        keys = {node: public_key(key) for node, key in database.execute("SELECT node, key FROM node")}
        entries = [(Signed.of(raw), keys[node]) for node, raw in database.execute("SELECT node, raw FROM ledger_entry")]
    begin = time.monotonic()
    if not all(verify(entry.body, entry.signature, key) for entry, key in entries):
        raise RuntimeError("a signature of this measurement's own is wrong")
    return time.monotonic() - begin


async def measure(nodes: int, batches: int, seed: int) -> dict[str, float | int | str]:
    """Draw, verify, audit."""
    with tempfile.TemporaryDirectory(prefix="manyi-bench-") as name:
        ledger = Path(name) / "manyi.db"
        await ground(ledger, nodes, batches, seed)
        alone_s = signatures_s(ledger)
        begin = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli.main", "audit", "--database", str(ledger), "--json"),
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await process.communicate()
        audit_s = time.monotonic() - begin
        if process.returncode:
            raise RuntimeError(f"manyi audit found something: {told.decode()}")
        return {
            "ratings": nodes * batches * A_BATCH,
            "batches": nodes * batches,
            "signatures_s": round(alone_s, 1),
            "audit_s": round(audit_s, 1),
            "audit_to_signatures": round(audit_s / alone_s, 1),
            "ratings_per_s": round(nodes * batches * A_BATCH / audit_s),
            "ledger_mb": round(ledger.stat().st_size / 2**20),
        }


async def main() -> None:
    """Measure once."""
    options = parser(__doc__ or "")
    options.add_argument("--nodes", type=int, default=NODES, help="each of which sent 100 batches")
    options.add_argument("--seed", type=int, default=1, help="what was rated")
    chosen = options.parse_args()
    nodes = chosen.nodes // (10 if chosen.quick else 1)
    show(await measure(nodes, BATCHES, chosen.seed), bare=chosen.json)


if __name__ == "__main__":
    asyncio.run(main())
