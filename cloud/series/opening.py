"""The series that the settings ask for, opened: who reads it and who feeds it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cloud.calendar import Calendar
from cloud.database import Database
from cloud.secretfile import secret_in
from cloud.series.embedded import Embedded
from cloud.series.port import Series
from cloud.settings import SeriesSettings

if TYPE_CHECKING:
    from cloud.series.feeder import Feeder
    from cloud.series.influx import Influx


class Opened(NamedTuple):
    """`feeder` is None where the city's own tallies are the series."""

    reader: Series
    feeder: "Feeder | None"


@asynccontextmanager
async def open_series(
    settings: SeriesSettings,
    database: Database,
    *,
    calendar: Calendar,
    now: Callable[[], int],
    may_feed: Callable[[], bool] = lambda: True,
) -> AsyncIterator[Opened]:
    """Open the series of `settings`; `now` is the city's time in ms, `may_feed` whether this process is to feed it.

    Asks InfluxDB for nothing yet: the city starts without it. Raises `SettingsError` for a token that cannot be used.
    """
    if settings.kind == "embedded":
        yield Opened(Embedded(database.reader, calendar), None)
        return
    # The client of InfluxDB takes half a second to load, which a city without one need not wait for.
    from cloud.series.feeder import Feeder  # noqa: PLC0415
    from cloud.series.remote import Remote  # noqa: PLC0415

    async with influx_of(settings) as influx:
        feeder = Feeder(database, influx, calendar=calendar, now=now, may_feed=may_feed)
        yield Opened(Remote(influx, calendar), feeder)


def influx_of(settings: SeriesSettings) -> "Influx":
    """Return the InfluxDB of `settings`, not opened yet; raises `SettingsError`."""
    from cloud.series.influx import Influx  # noqa: PLC0415

    token = "" if settings.token_file is None else secret_in(Path(settings.token_file), "series.token_file")
    return Influx(settings.url, database=settings.database, token=token, org=settings.org)
