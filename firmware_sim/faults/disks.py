"""Disks that are full, that only read, or that fail."""

import asyncio
from random import Random

from firmware_sim.faults import vfs
from firmware_sim.faults.city import FaultyCity
from firmware_sim.faults.effect import Effect, Fault, NoEffect
from firmware_sim.faults.nerve import Sicken
from firmware_sim.faults.patient import HOUSES

_TIMES = 5
# So long that a heartbeat and a look at the disk's room are in it.
_LASTS_S = 2.5


class SickDisk:
    """SQLite is refused what it asks of the disk of one house, until that has been seen a few times."""

    seconds = 5.0

    def __init__(self, kind: str, deed: vfs.Deed, code: int) -> None:
        """Answer each `deed` with SQLite's `code`."""
        self.kind = kind
        self._deed = deed
        self._code = code

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Make it sick, and heal it."""
        house = random.choice(HOUSES)
        patient = city.patients[house]
        before = await patient.count("refused")
        await patient.tell(Sicken(self._deed, self._code))
        seen = await patient.until("refused", before + _TIMES)
        await asyncio.sleep(_LASTS_S)
        await patient.tell(Sicken(self._deed, vfs.OK))
        refused, lit = await patient.count("refused") - before, city.lit
        if not seen:
            raise NoEffect(f"{house} asked the disk for a {self._deed} only {refused} times")
        if not await city.until(lambda: city.lit > lit):
            raise NoEffect(f"{house} has its disk again, and no light came on since")
        return Effect(self.kind, house, f"{refused} times {self._deed} was answered with SQLite's error {self._code}")


FAULTS: tuple[Fault, ...] = (
    SickDisk("disk-full", "write", vfs.FULL),
    SickDisk("disk-read-only", "write", vfs.READ_ONLY),
    SickDisk("eio-on-write", "write", vfs.EIO_WRITE),
    SickDisk("eio-on-sync", "sync", vfs.EIO_SYNC),
    SickDisk("eio-on-read", "read", vfs.EIO_READ),
)
