"""A process under the implant does to itself what it is told, and its disk and clocks are what they are told to be."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from firmware_sim.children import Child
from firmware_sim.faults import vfs
from firmware_sim.faults.drive import bring_back
from firmware_sim.faults.nerve import Arm, CutPower, Deafen, Fill, Sicken, Skew
from firmware_sim.faults.patient import Patient, ended
from transport.boot import boottime_ms, wall_ms

pytestmark = pytest.mark.timeout(60)

DAY_MS = 86_400_000
# Commits a number, says it, and tells its clocks; a gateway as far as the implant knows.
HOUSE = """
import asyncio, sys, time
from pathlib import Path
import gateway.post
from transport.boot import boot_id, boottime_ms, wall_ms
from transport.disk import Disk

async def main():
    disk = await Disk.open(Path(sys.argv[1]), "CREATE TABLE IF NOT EXISTS t (n INTEGER)", reserve=0)
    n = (await disk.read("SELECT coalesce(max(n), 0) FROM t"))[0][0]
    with open(sys.argv[2], "a") as said:
        while True:
            try:
                await disk.write("INSERT INTO t VALUES (?)", (n + 1,))
                n += 1
                mono = round(time.monotonic() * 1000)
                clocks = (boottime_ms(), wall_ms(), gateway.post.wall_ms(), mono, boot_id())
                print(n, disk.free() > 0, *clocks, file=said, flush=True)
            except Exception as bad:
                print("refused", bad, file=said, flush=True)
            await asyncio.sleep(0.01)

asyncio.run(main())
"""


class House:
    """The process, its files and what it said last."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "house_under_test.py").write_text(HOUSE, encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(Path(__file__).parents[2])]))
        self.patient = Patient("gateways", folder)
        self.store, self.said = folder / "store.db", folder / "said"
        command = [sys.executable, *self.patient.way, "house_under_test", str(self.store), str(self.said)]
        self.child = Child("house", command, log=folder / "log")

    async def start(self) -> None:
        before = len(self.lines())
        await self.child.start()
        await self.until_said(before + 3)

    def lines(self) -> list[list[str]]:
        return [line.split() for line in self.said.read_text().splitlines()] if self.said.exists() else []

    async def until_said(self, count: int) -> list[str]:
        while len(self.lines()) < count:
            await asyncio.sleep(0.02)
        return self.lines()[-1]

    async def next_said(self) -> list[str]:
        return await self.until_said(len(self.lines()) + 2)

    def committed(self) -> int:
        with closing(sqlite3.connect(self.store)) as looking:
            rows = [row[0] for row in looking.execute("SELECT n FROM t ORDER BY n")]
        assert rows == list(range(1, len(rows) + 1))
        return len(rows)

    def promised(self) -> int:
        return max(int(line[0]) for line in self.lines() if line[0] != "refused")


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    made = House(tmp_path, monkeypatch)
    made.patient.power_up()
    await made.start()
    yield made
    await made.child.stop()


@pytest.mark.parametrize("point", ["before commit", "after commit"])
async def test_it_dies_where_it_is_told_to(house: House, point: str) -> None:
    house.child.doom()
    await house.patient.tell(Arm(point, 3))
    assert await ended(house.child, within_s=20)
    assert await house.child.gone() == -signal.SIGKILL
    assert house.committed() - house.promised() == (point == "after commit")


async def test_a_power_cut_keeps_what_was_promised(house: House, tmp_path: Path) -> None:
    for seed in range(4):
        folder = tmp_path / f"cut-{seed}"
        folder.mkdir()
        house.child.doom()
        await house.patient.tell(CutPower(str(seed), 5 + seed, str(folder)))
        assert await ended(house.child, within_s=20)
        files, unsynced = bring_back(folder)
        assert files >= 2
        assert unsynced >= 1
        assert house.committed() in {house.promised(), house.promised() + 1}
        await house.start()


async def test_a_sick_disk_refuses_and_heals(house: House) -> None:
    await house.patient.tell(Sicken("write", vfs.FULL))
    assert await house.patient.until("refused", 3)
    assert (await house.next_said())[0] == "refused"
    await house.patient.tell(Sicken("write", vfs.OK))
    before = house.promised()
    await house.until_said(len(house.lines()) + 4)
    assert house.promised() > before


async def test_a_full_disk_has_no_room(house: House) -> None:
    await house.patient.tell(Fill(full=True))
    assert (await house.next_said())[1] == "False"
    await house.patient.tell(Fill(full=False))
    assert (await house.next_said())[1] == "True"


async def test_clocks_are_what_they_are_told_to_be(house: House) -> None:
    _, _, boottime, wall, own, _, boot = await house.next_said()
    assert abs(int(boottime) - boottime_ms()) < 5000
    assert abs(int(wall) - wall_ms()) < 5000
    assert own == wall or int(own) - int(wall) < 50
    assert boot == house.patient.machine.boot
    # The house's own wall clock is stepped, the one of whoever shares its process is not.
    await house.patient.tell(Skew(by=-10 * DAY_MS))
    _, _, _, wall, own, mono, _ = await house.next_said()
    assert abs(int(wall) - wall_ms()) < 5000
    assert abs(int(wall) - int(own) - 10 * DAY_MS) < 1000
    await house.patient.tell(Skew(to=1))
    assert (await house.next_said())[4] == "1"
    await house.patient.tell(Skew())
    await house.patient.leap(DAY_MS, ppm=50)
    _, _, boottime, wall, own, later, _ = await house.next_said()
    assert abs(int(wall) - wall_ms() - DAY_MS) < 5000
    assert abs(int(boottime) - boottime_ms() - DAY_MS - 4320) < 2000
    assert int(later) - int(mono) > DAY_MS
    await house.patient.tell(Deafen(deaf=True))


async def test_a_reboot_has_another_name_and_begins_anew(house: House) -> None:
    boot = house.patient.machine.boot
    await house.patient.leap(DAY_MS)
    await house.child.kill()
    house.patient.power_up(reboot=True)
    await house.start()
    _, _, boottime, wall, _, _, name = await house.next_said()
    assert name != boot
    assert 0 <= int(boottime) < 40_000
    assert abs(int(wall) - wall_ms() - DAY_MS) < 5000
