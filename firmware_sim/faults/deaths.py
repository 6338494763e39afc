"""Houses die: by `kill -9` at a named place of theirs, or with their machine's power."""

from random import Random

from firmware_sim.faults import drive
from firmware_sim.faults.city import PATIENCE_S, FaultyCity
from firmware_sim.faults.effect import Effect, Fault, NoEffect
from firmware_sim.faults.failpoints import POINTS
from firmware_sim.faults.nerve import Arm, CutPower, Fill
from firmware_sim.faults.patient import HOUSES, ended

# A strike kills this often, each time somewhere else.
_DEATHS = 4
_WRITES = 60


class Kill:
    """A house is killed at some of its failpoints, one after the other, and started again."""

    seconds = 14.0

    def __init__(self, house: str) -> None:
        """Kill `house`."""
        self.house = house
        self.kind = f"kill-{house}"

    def points(self, random: Random) -> list[str]:
        """Draw where; the first that a strike draws."""
        return random.sample(POINTS[self.house], _DEATHS)

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Kill it there under load."""
        lit, seen = city.lit, list[str]()
        for point in self.points(random):
            passage = 1 if point.endswith("prune") else random.randint(1, 6)
            await self._kill(city, point, passage)
            seen.append(f"{point} ({passage})")
        if not await city.until(lambda: city.lit > lit):
            raise NoEffect(f"{self.house} was killed, and no light came on since")
        return Effect(self.kind, self.house, f"{len(seen)} deaths by signal 9: at {', '.join(seen)}")

    async def _kill(self, city: FaultyCity, point: str, passage: int) -> None:
        child, patient = city.child(self.house), city.patients[self.house]
        child.doom()
        await patient.tell(Arm(point, passage))
        if point.endswith("prune"):
            # Nothing is thirty days old: only a full disk makes a house delete what is settled.
            await patient.tell(Fill(full=True))
        if not await ended(child, within_s=PATIENCE_S):
            raise NoEffect(f"{self.house} did not come to {point!r} {passage} times in {PATIENCE_S:.0f} s")
        await city.revive(self.house)


class PowerCut:
    """A machine loses its power at some write; its disk comes back with what it had synced and some of the rest."""

    kind = "power-cut"
    seconds = 8.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Cut it, and boot the machine again."""
        house = random.choice(HOUSES)
        child, patient, lit = city.child(house), city.patients[house], city.lit
        folder = city.folder / f"cut-{random.getrandbits(64):x}"
        folder.mkdir()
        writes = random.randint(1, _WRITES)
        child.doom()
        await patient.tell(CutPower(folder.name, writes, str(folder)))
        if not await ended(child, within_s=PATIENCE_S):
            raise NoEffect(f"{house} did not write {writes} times in {PATIENCE_S:.0f} s")
        files, unsynced = drive.bring_back(folder)
        patient.power_up(reboot=True)
        await city.revive(house)
        if not await city.until(lambda: city.lit > lit):
            raise NoEffect(f"{house} was cut off, and no light came on since")
        seen = f"cut at write {writes}: {files} files came back, {unsynced} writes were not synced; a new boot since"
        return Effect(self.kind, house, seen)


FAULTS: tuple[Fault, ...] = (*(Kill(house) for house in HOUSES), PowerCut())
