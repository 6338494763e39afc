"""Reads what damaged nodes declare destroyed, for whoever shows devices."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

from cloud.database import Database, unavailable
from cloud.losses import store
from cloud.losses.rules import Loss
from contract.errors import Unavailable

LOOK_S = 5.0
# An answer that takes longer does not come.
READ_S = 5.0
# A disk is damaged once in many device-years: beyond so many, nobody reads each one's numbers.
MOST = 200


class Reader:
    """`losses` by node, as they were a moment ago, of the nodes whose statuses say that there are any."""

    def __init__(self, database: Database, damaged: Callable[[], Collection[str]], *, look_s: float = LOOK_S) -> None:
        """Ask `database` about the nodes that are `damaged()`."""
        self.losses: Mapping[str, Sequence[Loss]] = {}
        self._database = database
        self._damaged = damaged
        self._look_s = look_s

    async def run(self) -> None:
        """Read again and again until cancelled; while the database is away the last answer stands."""
        while True:
            try:
                with unavailable():
                    async with asyncio.timeout(READ_S):
                        self.losses = await self._read()
            except Unavailable:
                pass
            await asyncio.sleep(self._look_s)

    async def _read(self) -> Mapping[str, Sequence[Loss]]:
        damaged = sorted(self._damaged())[:MOST]
        if not damaged:
            return {}
        async with self._database.reader.connect() as connection:
            return {node: await store.of_node(connection, node) for node in damaged}
