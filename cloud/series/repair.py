"""Putting right what differs from the ledger, and the account of it."""

from collections.abc import Callable

import msgspec

from cloud.database import Database, unavailable
from cloud.series import store
from cloud.series.difference import Difference
from cloud.series.influx import Influx, Reject
from cloud.series.lines import MEASUREMENTS, line_of
from cloud.series.sheets import delete, names

# Of a difference: its kind, and which point it is.
Name = Callable[[str, str], None]


class Tallied(msgspec.Struct):
    """How many points of a measurement differed."""

    missing: int = 0
    altered: int = 0
    foreign: int = 0


class Account(msgspec.Struct):
    """What was found, as of ledger `position`: `cells` (tags and day) compared by sums, `points` one by one.

    `refused`: points among the missing and altered ones that InfluxDB would not take; all others were put right.
    """

    position: int
    cells: int = 0
    points: int = 0
    ratings: Tallied = msgspec.field(default_factory=Tallied)
    sums: Tallied = msgspec.field(default_factory=Tallied)
    refused: int = 0

    @property
    def equal(self) -> bool:
        """Whether nothing differed."""
        return not any((t.missing, t.altered, t.foreign) != (0, 0, 0) for t in (self.ratings, self.sums))


class Repair:
    """Writes and deletes in `influx`; `now` is the city's time in ms."""

    def __init__(
        self, database: Database, influx: Influx, account: Account, *, now: Callable[[], int], name: Name
    ) -> None:
        """`name` hears of every difference before it is put right, `account` counts it."""
        self._database = database
        self._influx = influx
        self._account = account
        self._now = now
        self._name = name

    async def put_right(self, measurement: str, found: Difference, counts: Tallied) -> list[str]:
        """Write what is missing or altered, delete what is foreign; the lines that were written."""
        for kind, point in names(measurement, found):
            self._name(kind, point)
        counts.missing += len(found.missing)
        counts.altered += len(found.altered)
        counts.foreign += len(found.foreign)
        lines = [line_of(measurement, point) for point in (*found.missing, *found.altered)]
        await self.refuse(await self._influx.write(MEASUREMENTS[measurement], lines))
        await delete(self._influx, measurement, found.foreign)
        return lines

    async def refuse(self, rejects: list[Reject]) -> None:
        """Keep what InfluxDB would not take."""
        if not rejects:
            return
        self._account.refused += len(rejects)
        with unavailable():
            async with self._database.writer.begin() as connection:
                await store.reject(connection, rejects, self._now())
