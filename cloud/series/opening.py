"""The series that the settings ask for, opened: who reads it and who feeds it."""

import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cloud.calendar import Calendar
from cloud.database import Database
from cloud.series.embedded import Embedded
from cloud.series.port import Series
from cloud.settings import SeriesSettings
from contract.errors import SettingsError

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

    token = "" if settings.token_file is None else _token(Path(settings.token_file))
    return Influx(settings.url, database=settings.database, token=token, org=settings.org)


def _token(file: Path) -> str:
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise SettingsError(f"series.token_file: {file}: others can read it; run: chmod 600 {file}")
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as bad:
        raise SettingsError(f"series.token_file: {file}: cannot be read: {bad}") from bad
