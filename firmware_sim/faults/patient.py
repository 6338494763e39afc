"""One house of a faulty city as its doctor sees it: the machine that it runs on, and the nerve into its process."""

import asyncio
import secrets
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec

from firmware_sim.children import Child
from firmware_sim.faults.implant import Machine
from firmware_sim.faults.nerve import Counts, Leap, Look, Order, tell
from transport.boot import boottime_ms

HOUSES = ("cloud", "gateways", "fleet")
_UP_S = 30.0


class Patient:
    """`way` stands in the command of the house `name` in place of `-m`."""

    def __init__(self, name: str, folder: Path, breach: Sequence[str] = ()) -> None:
        """Prepare the machine; `breach` stands where `way` will, and is carried out under the implant."""
        self.name = name
        self._file = folder / f"{name}.machine.json"
        self.machine = Machine(name, secrets.token_hex(8), str(uuid.uuid4()))
        self.way = ("-m", "firmware_sim.faults.implant", str(self._file), *(word for word in breach if word != "-m"))

    def power_up(self, *, reboot: bool = False, deaf: bool = False) -> None:
        """Write down what the next process finds: after a `reboot` another boot id and a BOOTTIME that began anew.

        One that is `deaf` hears nobody tell the time, until it is told to.
        """
        if reboot:
            passed_ms = boottime_ms() + self.machine.leapt_ms + self.machine.crystal_ms
            self.machine = msgspec.structs.replace(self.machine, boot=str(uuid.uuid4()), began_ms=-passed_ms)
        self._file.write_bytes(msgspec.json.encode(msgspec.structs.replace(self.machine, deaf=deaf)))

    async def tell(self, order: Order) -> Counts:
        """Tell the house to do something to itself, and return what it has counted; `OSError` when it does not run."""
        return await tell(self.machine.nerve, order)

    async def leap(self, ms: int, *, ppm: float = 0.0) -> None:
        """Let `ms` pass for its machine, whose crystal goes wrong by `ppm`."""
        crystal_ms = self.machine.crystal_ms + round(ms * ppm / 1e6)
        self.machine = msgspec.structs.replace(self.machine, leapt_ms=self.machine.leapt_ms + ms, crystal_ms=crystal_ms)
        self.power_up()
        await self.tell(Leap(ms, ppm))

    async def count(self, name: str) -> int:
        """Return how often the house has seen `name`."""
        return (await self.tell(Look())).get(name, 0)

    async def until(self, name: str, count: int, *, within_s: float = _UP_S) -> bool:
        """Wait until the house has seen `name` so often; False when that takes longer."""
        try:
            async with asyncio.timeout(within_s):
                while await self.count(name) < count:  # noqa: ASYNC110  (another process has no Event)
                    await asyncio.sleep(0.05)
        except TimeoutError:
            return False
        return True


async def ended(child: Child, *, within_s: float) -> bool:
    """Wait for the end that was prepared for `child`; False when that takes longer."""
    try:
        async with asyncio.timeout(within_s):
            await child.gone()
    except TimeoutError:
        return False
    return True
