"""What the tests of feeding InfluxDB share: a client, a server that may be hurt, a feeder, and what stands there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cloud.database import Database, fetch
from cloud.series.feeder import Feeder
from cloud.series.influx import Influx
from cloud.series.opening import influx_of
from cloud.series.reconcile import Reconciler
from cloud.series.repair import Account
from cloud.settings import SeriesSettings
from firmware_sim.servers.influx import Influx as Server
from tests.cloud.filled import CALENDAR, NOON


def influx_at(server: Server, database: str) -> Influx:
    """A client of `database` at `server`, not opened yet."""
    return influx_of(
        SeriesSettings(kind="influx", url=server.url, database=database, token_file=str(server.token_file))
    )


def feeder_of(database: Database, influx: Influx) -> Feeder:
    """A feeder in the tests' present."""
    return Feeder(database, influx, calendar=CALENDAR, now=lambda: NOON, pace_s=0.05)


@asynccontextmanager
async def own_server(folder: Path) -> AsyncIterator[Server]:
    """A server that a test may hurt."""
    server = Server(folder / "influx")
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def numbers(influx: Influx) -> list[int]:
    """The numbers of all ratings in the series."""
    found = await influx.ask("SELECT seq FROM raw.rating")
    return sorted(row[1] for rows in found for row in rows.values)


async def total(influx: Influx, statement: str = "SELECT count(n) FROM raw.rating") -> int:
    """The first number that `statement` answers; 0 for no answer."""
    found = await influx.ask(statement)
    return int(found[0].values[0][1]) if found else 0


async def refused(database: Database) -> list[str]:
    """The lines in the table of rejects."""
    async with database.reader.begin() as connection:
        return [str(line) for (line,) in await fetch(connection, "SELECT line FROM series_reject ORDER BY id")]


async def reconciled(
    database: Database, influx: Influx, steps: dict[str, tuple[int, int]] | None = None, *, now: int = NOON
) -> Account:
    """What a reconcile of every point finds, and puts right; how far each of its `steps` came."""

    def tell(step: str, done: int, total: int) -> None:
        if steps is not None:
            steps[step] = (done, total)

    def nobody(*_: object) -> None: ...

    reconciler = Reconciler(database, influx, calendar=CALENDAR, now=lambda: now, tell=tell, name=nobody)
    return await reconciler.run(every_point=True)
