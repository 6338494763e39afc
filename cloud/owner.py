"""Whose a folder of files is: the city's whose database names them, and no copy's of it."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.address import SQLITE
from cloud.database import unavailable

# By the name of each file that any row names or has named, whether it is to be there.
Named = Callable[[AsyncConnection], Awaitable[Mapping[str, bool]]]


class Owner:
    """The city whose database `reader` reads, where files of one kind are `named`."""

    def __init__(self, reader: AsyncEngine, named: Named) -> None:
        # What stands in a folder's `.city`.
        self.place = place_of(reader.url)
        self._reader = reader
        self._named = named

    async def named(self) -> Mapping[str, bool]:
        """By the name of each file that any row names or has named, whether it is to be there; or `Unavailable`."""
        with unavailable():
            async with self._reader.connect() as connection:
                return await self._named(connection)


def place_of(url: URL) -> str:
    """Return where the database at `url` is, in one line, without who asks it; a copy of it is elsewhere."""
    if url.drivername == SQLITE:
        return str(Path(url.database or "").resolve())
    machines = {option: url.query[option] for option in ("host", "port") if option in url.query}
    plain = URL.create("postgresql", host=url.host, port=url.port, database=url.database, query=machines)
    return plain.render_as_string()
