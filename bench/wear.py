"""How fast a node wears out its card: bytes that reach the disk for a rating, and in an hour without any.

The node's folder is an ext4 of its own in a file (as root: it is mounted), so that the kernel counts what the
filesystem writes for itself as well. Ratings come one at a time and each is settled before the next, as on a quiet day;
gateway, broker and city are real. What a card writes inside itself to store a block cannot be seen from here.
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.edge import pressed, recorded
from bench.rig import child, city, parser, show
from firmware_sim.broker import Mosquitto
from firmware_sim.cityplan import lay_out
from firmware_sim.premises import Habits, Wires, build
from firmware_sim.servers.daemon import free_port

RATINGS = 300
# Long enough for a rating to be settled, and that written down, before the next.
PAUSE_S = 0.25
# The city's receipts come once a minute; what they settle is written down, and is a rating's cost too.
SETTLED_S = 75.0
IDLE_S = 180.0
A_DAY = 300
LASTING_TB = 10.0
IMAGE_MB = 256
_SECTOR = 512
_SECTORS_WRITTEN = 6


@contextmanager
def card(folder: Path, image: Path) -> Iterator[Path]:
    """Put what is in `folder` on an ext4 of its own, mounted there; yields the kernel's figures of its device."""
    image.write_bytes(b"")
    with image.open("r+b") as file:
        file.truncate(IMAGE_MB * 1_000_000)
    # Whole at once: else the kernel goes on making it for minutes, and that would be counted.
    whole = "lazy_itable_init=0,lazy_journal_init=0"
    subprocess.run(["mkfs.ext4", "-q", "-F", "-E", whole, str(image)], check=True)
    made = subprocess.run(["losetup", "--find", "--show", str(image)], check=True, capture_output=True, text=True)
    device = made.stdout.strip()
    aside = image.with_suffix(".was")
    shutil.copytree(folder, aside)
    try:
        subprocess.run(["mount", "-o", "noatime", device, str(folder)], check=True)
        try:
            shutil.copytree(aside, folder, dirs_exist_ok=True)
            yield Path("/sys/block") / Path(device).name / "stat"
        finally:
            subprocess.run(["umount", str(folder)], check=True)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def written(figures: Path) -> int:
    """Bytes that were written to the device since it was made, once all is on it that waits."""
    subprocess.run(["sync"], check=True)
    return int(figures.read_text(encoding="ascii").split()[_SECTORS_WRITTEN]) * _SECTOR


async def main() -> None:
    """Rate, then wait, and read what the device took."""
    options = parser(__doc__ or "")
    options.add_argument("--ratings", type=int, default=RATINGS)
    given = options.parse_args()
    ratings = given.ratings // 10 if given.quick else given.ratings
    idle_s = IDLE_S / 10 if given.quick else IDLE_S
    plan = lay_out(["371721121"], windows=1, townships=1, seed=1)
    with tempfile.TemporaryDirectory(prefix="manyi-bench-") as name:
        folder = Path(name)
        async with Mosquitto(folder / "broker") as broker:
            wires = Wires(broker.port, broker.port, free_port())
            habits = Habits(settle_s=0.0, cooldown_s=0.0, heartbeat_s=60.0)
            premises = build(plan, folder / "city", wires=wires, habits=habits)
            gateway, edge = premises.gateways[0], premises.nodes[0]
            with card(edge.parent, folder / "card.img") as figures:
                async with city(premises.cloud, premises.registration, wires.http):
                    with (
                        child("gateway", "run", "--config", str(gateway), log=folder / "gateway.log"),
                        child("bench.edge", *pressed(edge, ratings, PAUSE_S), log=folder / "edge.log"),
                    ):
                        # The node begins to press after some seconds; what opening its store costs is not a rating's.
                        await asyncio.sleep(2.0)
                        before = written(figures)
                        await recorded(gateway.parent / "journal.db", ratings)
                        await asyncio.sleep(SETTLED_S)
                        rated = written(figures)
                        begin = time.monotonic()
                        await asyncio.sleep(idle_s)
                        idle = (written(figures) - rated) / (time.monotonic() - begin) * 3600
    each = (rated - before) / ratings
    a_day = each * A_DAY + idle * 24
    show(
        {
            "ratings": ratings,
            "bytes_a_rating": round(each),
            "idle_bytes_an_hour": round(idle),
            "mb_a_day": round(a_day / 1e6, 2),
            "years_to_10_tb": round(LASTING_TB * 1e12 / a_day / 365),
        },
        bare=given.json,
    )


if __name__ == "__main__":
    if sys.platform != "linux":
        sys.exit("it mounts an ext4: Linux, as root")
    asyncio.run(main())
