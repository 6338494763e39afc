"""The servers that a city in a box stands on: brokers always, PostgreSQL and InfluxDB where it is asked for them."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, Self

import asyncpg

from firmware_sim.broker import Broker, choose
from firmware_sim.premises import Stores, Wires
from firmware_sim.servers.daemon import Server
from firmware_sim.servers.influx import Influx
from firmware_sim.servers.postgres import Postgres
from proof import ledger

# The one database of each server.
DATABASE = "manyi"
_BEHIND = """
SELECT (SELECT coalesce(max(position), 0) FROM ledger_entry) - (SELECT coalesce(max(position), 0) FROM series_cursor)
"""


class Ground(NamedTuple):
    """The city's broker and the one that all townships share, which may be the same; what is None is not used."""

    broker: Broker
    node_broker: Broker
    postgres: Postgres | None = None
    influx: Influx | None = None

    @classmethod
    def of_one_broker(cls, folder: Path, *, postgres: bool = False, influx: bool = False) -> Self:
        """Return the usual ground, each server with a folder of its own in `folder`."""
        shared = choose(folder / "broker")
        return cls(
            shared,
            shared,
            Postgres(folder / "postgres") if postgres else None,
            Influx(folder / "influx") if influx else None,
        )

    async def start(self) -> None:
        """Start all, each once; ServerError from the first that does not."""
        for server in self._servers():
            await server.start()
        if self.postgres is not None:
            await self.postgres.create(DATABASE)

    async def stop(self) -> None:
        """Stop whatever runs."""
        for server in reversed([*self._servers()]):
            await server.stop()

    def wires(self, http: int) -> Wires:
        """Return how the houses find the brokers; `http` is the port of the city's pages."""
        return Wires(self.broker.port, self.node_broker.port, http, tuple(self.broker.also))

    @property
    def stores(self) -> Stores:
        """Where the city keeps what it counts."""
        stores = Stores()
        if self.postgres is not None:
            stores = stores._replace(database=self.postgres.url(DATABASE), password_file=self.postgres.password_file)
        if self.influx is not None:
            series = {"url": self.influx.url, "database": DATABASE, "token_file": str(self.influx.token_file)}
            stores = stores._replace(series={"kind": "influx", **series})
        return stores

    async def series_behind(self, file: Path) -> int:
        """Return how many positions of the ledger the series has not been fed; `file` is the ledger, if it is a file.

        Always 0 without InfluxDB: then the tallies are the series.
        """
        if self.influx is None:
            return 0
        if self.postgres is None:
            with closing(ledger.connect(file)) as connection:
                (behind,) = connection.execute(_BEHIND).fetchone()
        else:
            connected = await asyncpg.connect(self.postgres.url_with_password(DATABASE))
            try:
                behind = await connected.fetchval(_BEHIND)
            finally:
                await connected.close()
        return int(behind)

    def _servers(self) -> Iterator[Server]:
        if self.postgres is not None:
            yield self.postgres
        if self.influx is not None:
            yield self.influx
        yield self.node_broker
        if self.broker is not self.node_broker:
            yield self.broker
