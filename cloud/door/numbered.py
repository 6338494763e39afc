"""Where what an address names by its number lies: the door asks before it lets anybody to it."""

import re
from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cloud.database import unavailable

_NUMBER = re.compile(r"[0-9]{1,15}")


async def place_of(
    reader: AsyncEngine, number: str, read: Callable[[AsyncConnection, int], Awaitable[str | None]]
) -> str | None:
    """Return what `read` says of `number` as it is written; None where it says so, or that is none.

    Raises `Unavailable`.
    """
    if not _NUMBER.fullmatch(number):
        return None
    with unavailable():
        async with reader.connect() as connection:
            return await read(connection, int(number))
