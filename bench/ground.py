"""The ground on which an outage is measured: a city on disk, a day of ratings in each of its gateways' journals."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.backlog import Backlog, Day, fill
from bench.rig import codes
from cloud.database import open_database, write
from cloud.registry.store import ADD_TOWNSHIP, seed_places
from contract.identity import county_of
from firmware_sim.cityplan import TownshipPlan, lay_out
from firmware_sim.premises import Habits, Premises, Wires, build
from transport.boot import wall_ms
from transport.keys import read_key

HABITS = Habits(settle_s=0.0, cooldown_s=0.0, heartbeat_s=60.0)
A_WINDOW = 100
DAY_MS = 24 * 3600 * 1000


class Ground(NamedTuple):
    """What was prepared on disk, and where."""

    folder: Path
    plan: Sequence[TownshipPlan]
    premises: Premises
    wires: Wires
    day: Day
    backlog: Backlog


async def prepared(folder: Path, wires: Wires, townships: int, windows: int, seed: int) -> Ground:
    """Lay out the city, register it, and write a day into every journal."""
    known = codes()
    # Beyond those that the table of places knows, further ones of its counties, as a report may count them.
    places = [*known, *(f"{county_of(known[number * 16])}9{number:02d}" for number in range(townships - len(known)))]
    plan = lay_out(places, windows=windows, townships=townships, seed=seed)
    premises = build(plan, folder / "city", wires=wires, habits=HABITS)
    async with await open_database(str(premises.database)) as database:
        await seed_places(database.writer)
        async with database.writer.begin() as connection:
            names = [(code, county_of(code), *[code[-3:]] * 4) for code in places[len(known) :]]
            await write(connection, ADD_TOWNSHIP, names)
    now = wall_ms()
    day = Day(now - DAY_MS, now - 60_000, a_window=A_WINDOW, seed=seed)
    nodes = {path.parent.name: read_key(path.parent / "node.key") for path in premises.nodes}
    filled = [
        await fill(file.with_name("journal.db"), township, day, nodes)
        for file, township in zip(premises.gateways, plan, strict=True)
    ]
    return Ground(folder, plan, premises, wires, day, Backlog(*map(sum, zip(*filled, strict=True))))
