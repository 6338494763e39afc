"""A city is lost and comes back from its backup: what came after the backup comes back from the townships."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_sim.box import Box, Order
from firmware_sim.broker import Mosquitto
from firmware_sim.ground import DATABASE, Ground
from firmware_sim.premises import Habits, Premises
from firmware_sim.servers.influx import Influx
from firmware_sim.servers.postgres import Postgres
from firmware_sim.siege import besieged
from gateway.seals import kept
from proof import ledger
from transport.boot import wall_ms

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

QUICK = Habits(settle_s=0.1, cooldown_s=0.2, heartbeat_s=2.0, least=1)
LOAD_S = 3.0


@pytest.fixture
def order(free_port: Callable[[], int]) -> Order:
    return Order(windows=72, townships=2, seed=7, per_s=36.0, http=free_port(), habits=QUICK)


async def manyi(*words: str | Path, fails: bool = False) -> str:
    """Run the city's own command; what it says, which is also the assertion's text when it fails and may not."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli.main",
        *map(str, words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaint = await running.communicate()
    assert fails or running.returncode == 0, said.decode() + complaint.decode()
    return said.decode()


def kept_seals(premises: Premises) -> int:
    """How many gateways keep seal 1."""
    return sum(bool(kept(settings.with_name("journal.db"))) for settings in premises.gateways)


async def lose_the_database(box: Box) -> None:
    """Nothing is left of it, as after a burnt disk."""
    if box.ground.postgres is not None:
        await box.ground.postgres.drop(DATABASE)
        await box.ground.postgres.create(DATABASE)
        return
    for file in box.premises.database.parent.glob(f"{box.premises.database.name}*"):
        file.unlink()


@pytest.mark.parametrize("stores", ["sqlite", "postgresql and influxdb"])
async def test_what_came_after_the_backup_comes_back_from_the_townships(
    tmp_path: Path, order: Order, stores: str
) -> None:
    ground = Ground(Mosquitto(tmp_path / "city-broker"), Mosquitto(tmp_path / "node-broker"))
    if stores != "sqlite":
        # The series keeps what the ledger lost; at the end it is reconciled with the ledger.
        ground = ground._replace(postgres=Postgres(tmp_path / "postgres"), influx=Influx(tmp_path / "influx"))
    backup = tmp_path / "backup.db"
    async with besieged(order, tmp_path / "city", wall_ms=wall_ms, ground=ground) as city:
        config = city.box.premises.cloud
        await asyncio.sleep(LOAD_S)
        await manyi("backup", "--config", config, backup)  # while people press and the city runs
        await asyncio.sleep(LOAD_S)
        assert await city.catch_up()  # acknowledged, and settled in the ledger that is lost now
        settled = city.lit
        # A day that the backup knows nothing of is closed, and both townships have its seal.
        sealed = await manyi("seal", "--config", config, "--now")
        while kept_seals(city.box.premises) != 2:
            await asyncio.sleep(0.2)
        await city.box.cloud.kill()
        await lose_the_database(city.box)
        await asyncio.sleep(1)

        said = await manyi("restore", backup, "--config", config)

        await city.box.restart(city.box.cloud)
        await asyncio.sleep(LOAD_S)
        while await manyi("seal", "--config", config, "--number", "1", fails=True) != sealed:
            await asyncio.sleep(0.5)
    kept = sum(1 for _ in ledger.read(backup))
    assert ledger.gapless(backup)
    assert "every tally follows from the ledger" in said
    assert 20 < kept < settled - 20  # the backup lacks some that were settled
    assert city.evidence.verdict.settled > settled
    assert city.evidence.clean, str(city.evidence)
