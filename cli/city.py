"""The database of a city that is there already, for the commands that work on one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloud.database import Database
    from cloud.settings import Settings


@asynccontextmanager
async def opened(settings: "Settings") -> "AsyncIterator[Database]":
    """Open the city's database beside whoever works on it; for a misspelt name an empty city would be made.

    Raises `SettingsError` where there is no whole city of this program's schema, and `Unavailable` where the database
    fails what is done with it.
    """
    from cloud.address import url_of
    from cloud.copy.source import open_source
    from cloud.database import open_database, unavailable

    async with open_source(url_of(settings.database, settings.database_password_file)):
        pass
    async with await open_database(settings.database, password_file=settings.database_password_file) as database:
        with unavailable():
            yield database
