"""Keeps in the database whose clocks disagree, for whoever shows devices, in this process or another."""

import asyncio
import logging
from collections.abc import Callable

from cloud.clocks import store
from cloud.clocks.rules import OFF_MS, SILENT_MS, Skew, Watch
from cloud.database import Database, unavailable
from contract.errors import Unavailable

logger = logging.getLogger(__name__)

KEEP_S = 5.0


class Keeper:
    """Brings the table to what `watch` has found; of devices that it does not hear it lets the table stand.

    `now` is the city's time in ms. The table is written when something begins, ends or worsens, and so hardly ever.
    """

    def __init__(self, watch: Watch, database: Database, *, now: Callable[[], int]) -> None:
        self._watch = watch
        self._database = database
        self._now = now

    async def run(self) -> None:
        """Work until cancelled; while the database is away it waits for the next turn."""
        while True:
            await asyncio.sleep(KEEP_S)
            try:
                with unavailable():
                    await self.keep()
            except Unavailable:
                # Ingest says so already.
                continue

    async def keep(self) -> None:
        """Compare once, and write what differs."""
        now = self._now()
        async with self._database.reader.connect() as connection:
            kept = await store.skews(connection)
        found = {skew.node: skew for skew in self._watch.skews(now)}
        news = [skew for node, skew in found.items() if _worth(kept.get(node), skew)]
        over = [node for node in self._watch.agreed(now) if node in kept]
        over += [node for node, skew in kept.items() if node not in found and now - skew.seen > SILENT_MS]
        if not (news or over):
            return
        async with self._database.writer.begin() as connection:
            await store.put(connection, news)
            await store.drop(connection, sorted(set(over)))
        for skew in news:
            if skew.node not in kept:
                logger.warning("the clock of %s is off by %.1f s at least", skew.node, skew.off_ms / 1000)
        for node in set(over):
            logger.info("the clock of %s agrees again, or is not heard any more", node)


def _worth(kept: Skew | None, found: Skew) -> bool:
    """Whether the table is to say so: it does not yet, says something else, or will soon be too old."""
    return kept is None or abs(kept.off_ms - found.off_ms) >= OFF_MS or found.seen - kept.seen > SILENT_MS // 2
