"""The city's database is lost, and comes back as it was at the last backup: the townships are asked for the rest."""

import asyncio
from contextlib import closing
from pathlib import Path
from random import Random

from firmware_sim.faults.city import FaultyCity
from firmware_sim.faults.effect import Effect, Fault, NoEffect
from proof import ledger

_LASTS_S = 3.0


class CityRestored:
    """Backed up with `manyi backup` while it works, lost, and brought back with `manyi restore`."""

    kind = "city-restored"
    seconds = 20.0

    async def strike(self, city: FaultyCity, random: Random) -> Effect:
        """Do it, and wait until everything that the backup lacks has come again."""
        database, config = city.premises.database, city.premises.cloud
        backup = city.folder / f"backup-{random.getrandbits(64):x}.db"
        await city.errand("backup", "cli.main", "backup", "--config", config, backup)
        await asyncio.sleep(_LASTS_S)
        await city.cloud.kill()
        before = _positions(database)
        for file in database.parent.glob(f"{database.name}*"):
            file.unlink()
        await city.errand("restore", "cli.main", "restore", backup, "--config", config)
        kept = _positions(database)
        await city.revive("cloud")
        seen = await city.until(lambda: _positions(database) >= before)
        back = _positions(database)
        observed = f"the ledger went from {before} entries back to {kept}, and is at {back} again"
        if kept >= before or not seen:
            raise NoEffect(f"city: {observed}")
        return Effect(self.kind, "city", observed)


def _positions(database: Path) -> int:
    """Return how many entries the ledger in the file `database` has."""
    with closing(ledger.connect(database)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM ledger_entry").fetchone()
    return int(count)


FAULTS: tuple[Fault, ...] = (CityRestored(),)
