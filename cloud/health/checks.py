"""What /health asks of each part of a running city."""

import asyncio
from collections.abc import Callable, Collection

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.clocks.rules import Skew
from cloud.health.routes import Part

PATIENCE_S = 2.0
# A write that changes nothing still has to reach the disk.
TOUCH = text("UPDATE ledger_head SET position = position")
LOOK = text("SELECT position FROM ledger_head")
LIMIT = text("SELECT set_config('statement_timeout', :ms, true)")


async def writable(writer: AsyncEngine) -> Part:
    """Say whether the database takes a write within `PATIENCE_S`, behind what ingest is writing."""
    try:
        async with asyncio.timeout(PATIENCE_S) as patience, writer.begin() as connection:
            if connection.dialect.name == "postgresql":
                # Let PostgreSQL end the wait: were it cut off here the session would end, and all it is in charge of.
                patience.reschedule(asyncio.get_running_loop().time() + 2 * PATIENCE_S)
                await connection.execute(LIMIT, {"ms": f"{PATIENCE_S * 1000:.0f}"})
            await connection.execute(TOUCH)
    except TimeoutError:
        return Part(ok=False, detail=f"no write within {PATIENCE_S:g} s")
    except (SQLAlchemyError, OSError) as bad:
        return Part(ok=False, detail=str(getattr(bad, "orig", None) or bad))
    return Part(ok=True)


async def readable(reader: AsyncEngine) -> Part:
    """Say whether the database answers a question within `PATIENCE_S`."""
    try:
        async with asyncio.timeout(PATIENCE_S), reader.connect() as connection:
            await connection.execute(LOOK)
    except TimeoutError:
        return Part(ok=False, detail=f"no answer within {PATIENCE_S:g} s")
    except (SQLAlchemyError, OSError) as bad:
        return Part(ok=False, detail=str(getattr(bad, "orig", None) or bad))
    return Part(ok=True)


async def connected(*links: Callable[[], bool]) -> Part:
    """Say whether every connection to the broker stands."""
    down = sum(not up() for up in links)
    return Part(ok=not down, detail=f"{down} of {len(links)} connections are down" if down else "")


async def untroubled(trouble: Callable[[], str | None], *, vital: bool = True) -> Part:
    """Say whether a worker can do what it is there for."""
    found = trouble()
    return Part(ok=found is None, detail=found or "", vital=vital)


async def in_time(skews: Callable[[], Collection[Skew]]) -> Part:
    """Say whether every device's clock agrees with the city's; that none does keeps no rating out."""
    found = sorted(skews(), key=lambda skew: -abs(skew.off_ms))
    if not found:
        return Part(ok=True, vital=False)
    worst = f"{found[0].node} by {found[0].off_ms / 1000:+.1f} s at least"
    return Part(ok=False, detail=f"{len(found)} clocks disagree with the city's, {worst}", vital=False)


async def charged(counties: Callable[[], Collection[str]]) -> Part:
    """Say which counties this process has; one that has none yet stands by for when another dies."""
    return Part(ok=True, detail=" ".join(sorted(counties())) or "none")
