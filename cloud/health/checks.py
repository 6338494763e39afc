"""What /health asks of each part of a running city."""

import asyncio
from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.health.routes import Part

PATIENCE_S = 2.0
# A write that changes nothing still has to reach the disk.
TOUCH = text("UPDATE ledger_head SET position = position")


async def writable(writer: AsyncEngine) -> Part:
    """Say whether the database takes a write within `PATIENCE_S`, behind what ingest is writing."""
    try:
        async with asyncio.timeout(PATIENCE_S), writer.begin() as connection:
            await connection.execute(TOUCH)
    except TimeoutError:
        return Part(ok=False, detail=f"no write within {PATIENCE_S:g} s")
    except (SQLAlchemyError, OSError) as bad:
        return Part(ok=False, detail=str(getattr(bad, "orig", None) or bad))
    return Part(ok=True)


async def connected(*links: Callable[[], bool]) -> Part:
    """Say whether every connection to the broker stands."""
    down = sum(not up() for up in links)
    return Part(ok=not down, detail=f"{down} of {len(links)} connections are down" if down else "")


async def untroubled(trouble: Callable[[], str | None]) -> Part:
    """Say whether ingest commits what it takes."""
    found = trouble()
    return Part(ok=found is None, detail=found or "")
