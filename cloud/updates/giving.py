"""What an update does to the nodes' configurations: giving a stage its new times, and taking all of it back."""

from collections.abc import Iterable

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.configs import store as configs
from cloud.configs.rules import same, timed
from cloud.registry.store import raise_version
from cloud.updates.rules import Member, Update
from contract.config import NodeConfig


async def give_stage(
    connection: AsyncConnection, update: Update, members: Iterable[Member], version: int, now: int
) -> list[Member]:
    """Give the nodes of the present stage their new times as `version`, which was raised in this transaction.

    Returns the stage's members as they are then.
    """
    here = [member for member in members if member.stage == update.stage]
    given: list[NodeConfig] = []
    after: list[Member] = []
    for member in here:
        before = await configs.newest(connection, member.node)
        if before is None:
            # A configuration is never taken away; were one gone, there would be nothing to wait for.
            after.append(member._replace(excused=True))
            continue
        wanted = timed(before.config, update.timing, version)
        if same(before.config, wanted):
            after.append(member._replace(version=before.version))
            continue
        given.append(wanted)
        after.append(member._replace(version=version, before=before.version))
    await configs.give(connection, given, at=now, who=update.who, reason=update.reason)
    return after


async def take_back(
    connection: AsyncConnection, members: Iterable[Member], now: int, *, by: str, reason: str
) -> tuple[int, list[str]]:
    """Give every node that an update changed its former content, as a new version, in this transaction.

    How many got it, and which were left as they are since somebody has given them another version meanwhile: their pins
    may not be what they were.
    """
    version = await raise_version(connection, now)
    former: list[NodeConfig] = []
    left: list[str] = []
    for member in members:
        if member.before is None:
            continue
        newest = await configs.newest(connection, member.node)
        before = await configs.one(connection, member.node, member.before)
        if newest is None or before is None or newest.version != member.version:
            left.append(member.node)
        else:
            former.append(msgspec.structs.replace(before.config, version=version))
    await configs.give(connection, former, at=now, who=by, reason=reason)
    return len(former), left
