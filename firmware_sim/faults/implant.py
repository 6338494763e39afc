"""Runs a house with failpoints, a faulty disk and faulty clocks: `-m firmware_sim.faults.implant FILE MODULE WORDS`.

FILE says what machine this is; MODULE and the words behind it are the house's own command. What is to go wrong is told
while it runs (`nerve`). Nothing of the product knows of this.
"""

import runpy
import sys
from functools import partial
from pathlib import Path

import msgspec

from firmware_sim.faults.nerve import (
    Arm,
    Counts,
    CutPower,
    Deafen,
    Fill,
    Leap,
    Look,
    Order,
    Sicken,
    Skew,
    listen,
)
from firmware_sim.lull import LULL

# The houses look this often whether their disk is full, s; theirs is ten.
LOOK_S = 1.0


class Machine(msgspec.Struct, frozen=True):
    """What outlives a process: `house` is the child's name, `nerve` where it listens; the rest as `Clocks` has it."""

    house: str
    nerve: str
    boot: str
    began_ms: int = 0
    leapt_ms: int = 0
    crystal_ms: int = 0
    deaf: bool = False


def implant(file: Path) -> None:
    """Prepare this process."""
    machine = msgspec.json.decode(file.read_bytes(), type=Machine)
    boot_file = file.with_suffix(".boot")
    boot_file.write_text(machine.boot, encoding="ascii")
    # In this order: whoever binds a clock by its name must find ours.
    from firmware_sim.faults.clocks import Clocks  # noqa: PLC0415

    clocks = Clocks(
        machine.house,
        boot_file=boot_file,
        began_ms=machine.began_ms,
        leapt_ms=machine.leapt_ms,
        crystal_ms=machine.crystal_ms,
        deaf=machine.deaf,
    )
    from firmware_sim.faults.drive import Drive  # noqa: PLC0415
    from firmware_sim.faults.failpoints import Failpoints, put_in  # noqa: PLC0415
    from firmware_sim.faults.room import Room  # noqa: PLC0415

    drive, points, room = Drive(machine.house), Failpoints(), Room(machine.house, look_s=LOOK_S)
    put_in(machine.house, points)
    clocks.take_over()

    def obey(order: Order) -> Counts:
        match order:
            case Arm():
                points.arm(order.point, order.count)
            case CutPower():
                drive.cut(order.seed, order.writes, Path(order.folder))
            case Sicken():
                drive.sicken(order.deed, order.code)
            case Fill():
                room.fill(full=order.full)
            case Skew():
                clocks.skew(order)
            case Leap():
                LULL.use(partial(clocks.leap, order.ms, order.ppm))
            case Deafen():
                clocks.deafen(deaf=order.deaf)
            case Look():
                pass
        return {**points.seen, **drive.seen, **clocks.seen, **room.seen}

    listen(machine.nerve, obey)


def main() -> None:
    """Prepare, then be the house."""
    file, module, *words = sys.argv[1:]
    implant(Path(file))
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
