"""Where people change a node's configuration: always by a new version, written down with who and why."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.changes import store as changes
from cloud.configs import store
from cloud.configs.rules import Given, Timing, same, timed
from cloud.database import Database
from cloud.registry.store import hold, raise_version
from contract.config import NodeConfig

# unknown: there is no such version; changed: somebody gave another one meanwhile; same: nothing would be different;
# content: times that no node takes; reason: nobody said why.
Kind = Literal["unknown", "changed", "same", "content", "reason"]
LONGEST_REASON = 200


class ConfigRefused(Exception):  # noqa: N818  (a refusal, not an error of the city's)
    """`kind` says why nothing was changed."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.kind: Kind = kind


class Wish(NamedTuple):
    """`by` wants another configuration of `node`, for `reason`, having `seen` this version in force."""

    node: str
    by: str
    reason: str
    seen: int


class ConfigDesk:
    """Changes what is in `database`; `now` is the city's time in ms."""

    def __init__(self, database: Database, *, now: Callable[[], int]) -> None:
        self._database = database
        self._now = now

    async def set_times(self, wish: Wish, timing: Timing) -> int:
        """Set these times; the new version. Raises `ConfigRefused`."""
        if timing.wrong:
            raise ConfigRefused("content")
        async with self._database.writer.begin() as connection:
            before = await self._in_force(connection, wish)
            return await self._give(connection, wish, before, timed(before.config, timing, 0), "set-times")

    async def roll_back(self, wish: Wish, version: int) -> int:
        """Give the content of an old `version` again; the new version. Raises `ConfigRefused`."""
        async with self._database.writer.begin() as connection:
            before = await self._in_force(connection, wish)
            old = await store.one(connection, wish.node, version)
            if old is None:
                raise ConfigRefused("unknown")
            return await self._give(connection, wish, before, old.config, "roll-back-config", to=version)

    async def _in_force(self, connection: AsyncConnection, wish: Wish) -> Given:
        if not 0 < len(wish.reason) <= LONGEST_REASON:
            raise ConfigRefused("reason")
        # Of two the second waits here, and sees what the first has given.
        await hold(connection)
        before = await store.newest(connection, wish.node)
        if before is None:
            raise ConfigRefused("unknown")
        if before.version != wish.seen:
            raise ConfigRefused("changed")
        return before

    async def _give(
        self, connection: AsyncConnection, wish: Wish, before: Given, wanted: NodeConfig, what: str, **more: object
    ) -> int:
        if same(before.config, wanted):
            raise ConfigRefused("same")
        now = self._now()
        version = await raise_version(connection, now)
        config = msgspec.structs.replace(wanted, version=version)
        await store.give(connection, [config], at=now, who=wish.by, reason=wish.reason)
        told = {"version": version, "settle_ms": config.settle_ms, "cooldown_ms": config.cooldown_ms, **more}
        await changes.note(connection, now, wish.by, what, wish.node, wish.node, **told, reason=wish.reason)
        return version
