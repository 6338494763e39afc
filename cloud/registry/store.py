"""SQL of the registry."""

import csv
from importlib import resources
from io import StringIO

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

import cloud.registry.tables  # noqa: F401  (its tables belong to the schema)
from cloud.configs import store as configs
from cloud.database import fetch, fetch_value, write
from cloud.hours import store as hours
from cloud.registry.snapshot import County, Place, RegisteredConfig, RegisteredNode, RegisteredWindow, Registry
from contract.signing import public_key

VERSION = "SELECT version FROM registry_head WHERE id = 1"

# The first change makes the row. A version is the millisecond of its change where that is higher than the next number,
# so that a registry restored from a backup never gives a version again that a township has with other content.
RAISE_VERSION = """
INSERT INTO registry_head (id, version) VALUES (1, :now)
ON CONFLICT (id) DO UPDATE SET version =
    CASE WHEN excluded.version > registry_head.version THEN excluded.version ELSE registry_head.version + 1 END
RETURNING version
"""

# It changes nothing; until the transaction ends nobody else raises the version.
HOLD_VERSION = """
INSERT INTO registry_head (id, version) VALUES (1, 0)
ON CONFLICT (id) DO UPDATE SET version = registry_head.version RETURNING version
"""

COUNTIES = """
SELECT code, zh, en, short_zh, short_en FROM county
WHERE valid_from <= :at AND coalesce(valid_to, 9007199254740992) > :until ORDER BY code
"""

TOWNSHIPS = """
SELECT county, code, zh, en, short_zh, short_en FROM township
WHERE valid_from <= :at AND coalesce(valid_to, 9007199254740992) > :until ORDER BY code
"""

NODES = "SELECT node, kind, township, key, valid_from, valid_to FROM node ORDER BY node, valid_from"

WINDOWS = 'SELECT id, valid_from, valid_to FROM "window" ORDER BY id, valid_from'

ADD_COUNTY = """
INSERT INTO county (code, zh, en, short_zh, short_en, valid_from)
VALUES (:code, :zh, :en, :short_zh, :short_en, 0) ON CONFLICT DO NOTHING
"""

ADD_TOWNSHIP = """
INSERT INTO township (code, county, zh, en, short_zh, short_en, valid_from)
VALUES (:code, :county, :zh, :en, :short_zh, :short_en, 0) ON CONFLICT DO NOTHING
"""

ADD_NODE = """
INSERT INTO node (node, kind, township, key, valid_from) VALUES (:node, :kind, :township, :key, :valid_from)
"""

CLOSE_NODE = "UPDATE node SET valid_to = :at WHERE node = :node AND valid_to IS NULL"

END_KEY = """
UPDATE node SET valid_to = :at WHERE key = :key AND coalesce(valid_to, 9007199254740992) > :sooner RETURNING node
"""

PUT_WINDOW = """
INSERT INTO "window" (id, valid_from, valid_to) VALUES (:id, :valid_from, :valid_to)
ON CONFLICT (id, valid_from) DO UPDATE SET valid_to = excluded.valid_to
"""


async def seed_places(engine: AsyncEngine) -> None:
    """Add the places of the package's table that the database has not yet."""
    text = resources.files("cloud.registry").joinpath("places.csv").read_text(encoding="utf-8")
    counties: dict[str, tuple[str, ...]] = {}
    townships: list[tuple[str, ...]] = []
    for row in csv.DictReader(StringIO(text)):
        names = [tuple(row[f"{kind}_{name}"] for name in Place._fields[1:]) for kind in ("county", "township")]
        counties[row["county_code"]] = (row["county_code"], *names[0])
        townships.append((row["township_code"], row["county_code"], *names[1]))
    async with engine.begin() as connection:
        await write(connection, ADD_COUNTY, counties.values())
        await write(connection, ADD_TOWNSHIP, townships)


async def version(connection: AsyncConnection) -> int:
    """The registry's version; 0 before anything was registered."""
    return int(await fetch_value(connection, VERSION) or 0)


async def hold(connection: AsyncConnection) -> int:
    """Return the registry's version, and keep it so until the transaction of `connection` ends or raises it."""
    return int(await fetch_value(connection, HOLD_VERSION))


async def raise_version(connection: AsyncConnection, now: int) -> int:
    """The next version, taken within the transaction of `connection` at city time `now` (ms)."""
    return int(await fetch_value(connection, RAISE_VERSION, (now,)))


async def load(connection: AsyncConnection, at: int) -> Registry:
    """The whole registry, with the places valid at `at` (ms). `connection` sees one moment of the database."""
    townships: dict[str, list[Place]] = {}
    for county, *place in await fetch(connection, TOWNSHIPS, (at, at)):
        townships.setdefault(county, []).append(Place(*place))
    return Registry(
        await version(connection),
        counties=[
            County(Place(*place), tuple(townships.get(place[0], ())))
            for place in await fetch(connection, COUNTIES, (at, at))
        ],
        nodes=await nodes(connection),
        windows=[RegisteredWindow(*row) for row in await fetch(connection, WINDOWS)],
        configs=[
            RegisteredConfig(node, body.encode(), int(version), int(given_at))
            for node, body, version, given_at in await fetch(connection, configs.IN_FORCE)
        ],
        offices=await hours.load(connection),
    )


async def nodes(connection: AsyncConnection) -> list[RegisteredNode]:
    """Every registration of every node and gateway."""
    return [
        RegisteredNode(name, kind, township, public_key(key), valid_from, valid_to)
        for name, kind, township, key, valid_from, valid_to in await fetch(connection, NODES)
    ]
