"""What one node costs: resident memory after 1,000 ratings, CPU while idle, bytes on disk for a rating.

The node is the edge's own composition in a process of its own, with mock pins and a thread that presses them; gateway,
broker and city are real. At settle 0 and one rating at a time, each rating is a batch of its own: the most that a
rating can take.
"""

import asyncio
import sqlite3
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import cast

from gpiozero.pins.mock import MockPin

from bench.rig import arguments, child, city, cpu_s, resident_mb, show
from contract.signing import Signer
from transport.keys import read_key

RATINGS = 1000
PAUSE_S = 0.01
IDLE_S = 20.0
PATIENCE_S = 120.0


def node(config: Path, presses: int, pause_s: float) -> None:
    """The child: a node, and a finger that presses its first window's three buttons in turn, `pause_s` after each."""
    from edge.node import Node  # noqa: PLC0415
    from edge.pins import factory  # noqa: PLC0415
    from edge.settings import read  # noqa: PLC0415

    settings = read(config)
    pins = factory("mock")
    wiring = settings.window[0]
    signer: Signer = read_key(Path(settings.key))

    def press() -> None:
        time.sleep(3.0)
        for number in range(presses):
            pin = cast("MockPin", pins.pin((wiring.satisfied, wiring.basic, wiring.dissatisfied)[number % 3]))
            pin.drive_low()
            time.sleep(0.01)
            pin.drive_high()
            time.sleep(pause_s)

    threading.Thread(target=press, daemon=True).start()
    asyncio.run(Node(settings, factory=pins, signer=signer).run())


def pressed(config: Path, presses: int, pause_s: float) -> tuple[str, ...]:
    """The arguments of the child."""
    return ("node", str(config), str(presses), str(pause_s))


def stored(path: Path) -> tuple[int, float]:
    """How many batches a store holds, and bytes of row data for each, indexes included."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    count = database.execute("SELECT count(*) FROM batch").fetchone()[0]
    size = database.execute("SELECT sum(payload) FROM dbstat WHERE name IN ('batch', 'batch_numbers', 'batch_settled')")
    taken: int = size.fetchone()[0] or 0
    database.close()
    return count, taken / max(1, count)


async def main() -> None:
    """Run the whole way with one node and read what the kernel and the stores say."""
    options = arguments(__doc__ or "")
    ratings = RATINGS // 10 if options.quick else RATINGS
    from firmware_sim.broker import Mosquitto  # noqa: PLC0415
    from firmware_sim.cityplan import lay_out  # noqa: PLC0415
    from firmware_sim.premises import Habits, Wires, build  # noqa: PLC0415
    from firmware_sim.servers.daemon import free_port  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="manyi-bench-") as name:
        folder = Path(name)
        plan = lay_out(["371721121"], windows=1, townships=1, seed=1)
        async with Mosquitto(folder / "broker") as broker:
            wires = Wires(broker.port, broker.port, free_port())
            habits = Habits(settle_s=0.0, cooldown_s=0.0, heartbeat_s=60.0)
            premises = build(plan, folder / "city", wires=wires, habits=habits)
            gateway, edge = premises.gateways[0], premises.nodes[0]
            async with city(premises.cloud, premises.registration, wires.http):
                with (
                    child("gateway", "run", "--config", str(gateway), log=folder / "gateway.log"),
                    child("bench.edge", *pressed(edge, ratings, PAUSE_S), log=folder / "edge.log") as process,
                ):
                    await recorded(gateway.parent / "journal.db", ratings)
                    memory = resident_mb(process.pid)
                    used, begin = cpu_s(process.pid), time.perf_counter()
                    await asyncio.sleep(IDLE_S)
                    idle = (cpu_s(process.pid) - used) / (time.perf_counter() - begin)
            batches, outbox_bytes = stored(edge.parent / "outbox.db")
            _, journal_bytes = stored(gateway.parent / "journal.db")
    show(
        {
            "resident_mb": round(memory, 1),
            "idle_percent_of_a_core": round(idle * 100, 2),
            "outbox_bytes_a_rating": round(outbox_bytes),
            "journal_bytes_a_rating": round(journal_bytes),
            "batches": batches,
            "ratings": ratings,
        },
        bare=options.json,
    )


async def recorded(journal: Path, ratings: int) -> None:
    """Wait until the gateway's journal holds `ratings` ratings."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await asyncio.sleep(0.5)
            if held(journal) >= ratings:
                return


def held(journal: Path) -> int:
    """How many ratings a journal holds; none while it is not there, or is just being made."""
    if not journal.exists():
        return 0
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as database:
        try:
            count: int = database.execute("SELECT coalesce(sum(last - first + 1), 0) FROM batch").fetchone()[0]
        except sqlite3.OperationalError:
            return 0
    return count


if __name__ == "__main__":
    if sys.argv[1:2] == ["node"]:
        node(Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    else:
        asyncio.run(main())
