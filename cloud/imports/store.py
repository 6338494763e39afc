"""SQL of plans."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.imports.tables  # noqa: F401  (its table belongs to the schema)
from cloud.database import fetch, fetch_value, write
from cloud.imports.columns import Kind
from cloud.imports.differences import Difference

_FIELDS = "number, at, who, kind, file, sha256, version, added, changed, same, applied_at, applied_by"
LAST = "SELECT coalesce(max(number), 0) FROM registry_plan"
ADD = """
INSERT INTO registry_plan (number, at, who, kind, file, sha256, version, added, changed, same, document, differences)
VALUES (:number, :at, :who, :kind, :file, :sha256, :version, :added, :changed, :same, :document, :differences)
"""
ONE = f"SELECT {_FIELDS} FROM registry_plan WHERE number = :number"  # noqa: S608  (our own columns)
PAGE = f"SELECT {_FIELDS} FROM registry_plan WHERE number < :before ORDER BY number DESC LIMIT :limit"  # noqa: S608
CONTENT = "SELECT document, differences FROM registry_plan WHERE number = :number"
# Of two at once the second finds no row.
TAKE = """
UPDATE registry_plan SET applied_at = :at, applied_by = :by WHERE number = :number AND applied_at IS NULL
RETURNING number
"""
DROP = "DELETE FROM registry_plan WHERE number = :number AND applied_at IS NULL RETURNING number"
DROP_OLD = "DELETE FROM registry_plan WHERE version <> :version AND applied_at IS NULL RETURNING number"

_differences = msgspec.json.Decoder(list[Difference])


class Plan(NamedTuple):
    """What the file `file` of `kind` would change, compared with the registry at `version`. Moments are ms."""

    number: int
    at: int
    who: str
    kind: Kind
    file: str
    sha256: str
    version: int
    added: int
    changed: int
    same: int
    applied_at: int | None = None
    applied_by: str | None = None


async def add(connection: AsyncConnection, plan: Plan, document: bytes, found: Sequence[Difference]) -> Plan:
    """Keep `plan` under the next number, with its registration and what was found; it, with its number."""
    kept = plan._replace(number=int(await fetch_value(connection, LAST)) + 1)
    content = document.decode(), msgspec.json.encode(found).decode()
    await write(connection, ADD, [(*kept[:10], *content)])
    return kept


async def one(connection: AsyncConnection, number: int) -> Plan | None:
    """Return plan `number`."""
    rows = await fetch(connection, ONE, (number,))
    return Plan(*rows[0]) if rows else None


async def content(connection: AsyncConnection, number: int) -> tuple[bytes, list[Difference]]:
    """Return the registration of plan `number`, which is there, and what was found."""
    ((document, found),) = await fetch(connection, CONTENT, (number,))
    return document.encode(), _differences.decode(found)


async def page(connection: AsyncConnection, before: int, limit: int) -> list[Plan]:
    """Return plans with a number below `before`, the newest first."""
    return [Plan(*row) for row in await fetch(connection, PAGE, (before, limit))]


async def take(connection: AsyncConnection, number: int, at: int, by: str) -> bool:
    """Write down that `by` applied plan `number` at `at` (ms); False where somebody has, or there is none."""
    return await fetch_value(connection, TAKE, (at, by, number)) is not None


async def drop(connection: AsyncConnection, number: int) -> bool:
    """Throw plan `number` away; False where it was applied, or is not there."""
    return await fetch_value(connection, DROP, (number,)) is not None


async def drop_old(connection: AsyncConnection, version: int) -> list[int]:
    """Throw away what was never applied and was compared with another version; the numbers."""
    return sorted(number for (number,) in await fetch(connection, DROP_OLD, (version,)))
