"""A city to be hurt: every line in it goes through a door of ours, and what is to be broken in a house is broken."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from firmware_sim.box import Box, Order, answers
from firmware_sim.broker import Mosquitto
from firmware_sim.children import Child
from firmware_sim.faults.door import Behind, Door
from firmware_sim.faults.ear import Bulletin, Cuts
from firmware_sim.faults.patient import HOUSES, Patient
from firmware_sim.fingerlog import read
from firmware_sim.ground import Ground
from firmware_sim.servers.daemon import HOST, free_port
from firmware_sim.siege import Evidence
from proof import ledger
from transport.backoff import LAST_CEILING_S
from transport.pace import LONGEST_RESEND_S

# Whatever a strike waits for is there after so long on the slowest machine, or it does not come.
PATIENCE_S = 60.0
# Whoever was thrown out again and again is slow to come back.
COMES_BACK_S = LAST_CEILING_S + 10.0
# Whoever had slow answers is patient; the rest is for what was in flight.
_SENDS_AGAIN_S = LONGEST_RESEND_S + 30.0
# Who broke a law may never do it.
_SENDS_AGAIN_BROKEN_S = 20.0
_LOOK_S = 0.05
_QUARANTINED = "SELECT reason, sum(count) FROM quarantine GROUP BY reason"


class FaultyCity(Box):
    """A box with two mosquittos whose houses are `patients`, by name: each runs under the implant.

    Doors: `township_line` and `city_line` before the brokers, `wall_line` before HTTP. `others`: what became of cities
    that a strike opened beside this one. `sends_again_s`: how long to wait for what is sent again.
    """

    def __init__(
        self,
        order: Order,
        folder: Path,
        group: asyncio.TaskGroup,
        *,
        wall_ms: Callable[[], int],
        sabotage: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Plan it in `folder`, as a `Box` does."""
        self.others: list[Evidence] = []
        self.now_ms = wall_ms
        self.township_broker = Mosquitto(folder / "township-broker")
        self.city_broker = Mosquitto(folder / "city-broker")
        townships, city = Behind(self.township_broker), Behind(self.city_broker)
        self.township_line, self.city_line = townships.door, city.door
        self.bulletin = Bulletin()
        self.city_line.taps.append(self.bulletin)
        self.cuts = Cuts()
        self.township_line.taps.append(self.cuts)
        self.wall_line = Door(lambda: (HOST, order.http), framed=False, port=free_port())
        self.breach = sabotage or {}
        self.sends_again_s = _SENDS_AGAIN_BROKEN_S if self.breach else _SENDS_AGAIN_S
        self.patients = {name: Patient(name, folder, self.breach.get(name, ())) for name in HOUSES}
        super().__init__(
            order,
            folder,
            group,
            wall_ms=wall_ms,
            ground=Ground(city, townships),
            sabotage={name: patient.way for name, patient in self.patients.items()},
            door=self.wall_line.port,
        )

    @property
    def lit(self) -> int:
        """Return how many lights were seen so far."""
        return sum(entry.kind == "lit" for entry in read(self.log))

    def child(self, name: str) -> Child:
        """Return the process of the house `name`."""
        return {"cloud": self.cloud, "gateways": self.gateways, "fleet": self.fleet}[name]

    async def lay_foundation(self) -> None:
        """As a box, with a machine for each house."""
        await super().lay_foundation()
        for patient in self.patients.values():
            patient.power_up()

    async def revive(self, name: str) -> None:
        """Start the house `name` again after its end; returns when it serves again."""
        await self.restart(self.child(name))
        if name == "cloud":
            await answers(self.address + "/api/places", self.keys.header)

    @property
    def quarantined(self) -> Counter[str]:
        """Return what was refused so far, by gateways and by the city, by reason."""
        with closing(ledger.connect(self.premises.database)) as connection:
            return self.bulletin.quarantined + Counter(dict(connection.execute(_QUARANTINED)))

    async def open_city(self) -> None:
        """Open the door to the wall, then the city."""
        await self.wall_line.open()
        await super().open_city()

    async def close(self) -> None:
        """Stop everything, doors last."""
        await super().close()
        await self.wall_line.close()

    async def until(self, seen: Callable[[], bool], *, within_s: float = PATIENCE_S) -> bool:
        """Wait until `seen` says so; False when that takes longer."""
        try:
            async with asyncio.timeout(within_s):
                while not seen():  # noqa: ASYNC110  (what is looked at is outside of this process)
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            return False
        return True
