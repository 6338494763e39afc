"""SQL of configurations."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.configs.tables  # noqa: F401  (its table belongs to the schema)
from cloud.configs.rules import Given, same
from cloud.database import fetch, write
from contract.codec import decode_as, encode
from contract.config import NodeConfig

# Each node's newest. The key leads to it: one step for each node.
IN_FORCE = """
SELECT node, body, version, at FROM node_config AS c
WHERE version = (SELECT max(n.version) FROM node_config AS n WHERE n.node = c.node) ORDER BY node
"""
NEWEST = """
SELECT body, at, who, reason FROM node_config WHERE node = :node ORDER BY version DESC LIMIT 1
"""
HISTORY = """
SELECT body, at, who, reason FROM node_config WHERE node = :node ORDER BY version DESC LIMIT :limit
"""
ONE = "SELECT body, at, who, reason FROM node_config WHERE node = :node AND version = :version"

ADD = """
INSERT INTO node_config (node, version, at, who, reason, body) VALUES (:node, :version, :at, :who, :reason, :body)
"""


async def newest(connection: AsyncConnection, node: str) -> Given | None:
    """The version in force at `node`, None where the city gave it none."""
    rows = await fetch(connection, NEWEST, (node,))
    return _given(*rows[0]) if rows else None


async def one(connection: AsyncConnection, node: str, version: int) -> Given | None:
    """This version of `node`; None where there is none."""
    rows = await fetch(connection, ONE, (node, version))
    return _given(*rows[0]) if rows else None


async def history(connection: AsyncConnection, node: str, limit: int) -> list[Given]:
    """Up to `limit` versions of `node`, the newest first."""
    return [_given(*row) for row in await fetch(connection, HISTORY, (node, limit))]


async def give(
    connection: AsyncConnection, configs: Iterable[NodeConfig], *, at: int, who: str, reason: str = ""
) -> None:
    """Give these from `at` (ms) on. Each has a version above all that its node had, taken in this transaction."""
    await write(connection, ADD, [(one.node, one.version, at, who, reason, encode(one).decode()) for one in configs])


async def unlike(connection: AsyncConnection, configs: Iterable[NodeConfig]) -> list[NodeConfig]:
    """Those of `configs` by which their node does anything else than by what it has."""
    found = []
    for config in configs:
        before = await newest(connection, config.node)
        if before is None or not same(before.config, config):
            found.append(config)
    return found


def _given(body: str, at: int, who: str, reason: str) -> Given:
    return Given(decode_as(body.encode(), NodeConfig), int(at), who, reason)
