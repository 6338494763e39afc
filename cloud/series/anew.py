"""Starting the series over: what is there is dropped, and whoever feeds begins at the ledger's first entry.

While it is dropped the cursor stands at `BEING_DROPPED`. Nobody feeds from there: whoever finds it there drops as well,
since the one who put it there may be gone. Whoever has dropped puts the cursor to a start of its own, wherever it has
got to meanwhile, so all that a drop took along is fed after it. A page that was on its way moves no cursor that stands
where nobody has stood before.
"""

import secrets

from cloud.database import Database, unavailable
from cloud.ledger import pages
from cloud.series import store
from cloud.series.influx import Influx
from cloud.series.lines import MEASUREMENTS
from contract.errors import SettingsError

BEING_DROPPED = -1
# Starts lie below it, and each is given once.
_START_BITS = 62


async def begin(database: Database) -> None:
    """Say that the series is to be started over; from here on somebody will, whatever becomes of us."""
    with unavailable():
        async with database.writer.begin() as connection:
            await store.place(connection, BEING_DROPPED)


async def start_over(database: Database, influx: Influx) -> int:
    """Drop every point, forget what was refused, and put the cursor before the first entry; where it stands then."""
    await influx.drop(MEASUREMENTS)
    start = BEING_DROPPED - 1 - secrets.randbits(_START_BITS)
    with unavailable():
        async with database.writer.begin() as connection:
            await store.place(connection, start)
            await store.forget_rejects(connection)
    return start


async def check_ledger(database: Database, influx: Influx) -> None:
    """Raise `SettingsError` where the ledger is empty and `influx` is not: all of it would be taken for foreign."""
    with unavailable():
        async with database.reader.begin() as connection:
            if await pages.head(connection):
                return
    for measurement, policy in MEASUREMENTS.items():
        if await influx.ask(f'SELECT * FROM "{policy}"."{measurement}" LIMIT 1'):  # noqa: S608
            raise SettingsError(
                "the ledger is empty and InfluxDB has points: is `database` in the settings right? "
                "If it is, give `series.database` a new name"
            )
