"""SQL of the certificates and revocation lists that the ledger keeps, for whoever audits it with the CA's own."""

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import fetch
from cloud.ledger.store import Entry, enter

# By the index `ledger_entry_certificates`.
KEPT = """
SELECT 1 FROM ledger_entry WHERE kind IN ('certificate', 'revocation') AND node = :node AND kind = :kind AND raw = :raw
"""


async def keep(connection: AsyncConnection, name: str, certificate: bytes, at: int) -> None:
    """Keep a device's `certificate` (PEM) under the `name` in it, unless it is there, at city time `at` (ms)."""
    await _keep(connection, "certificate", name, certificate, at)


async def keep_list(connection: AsyncConnection, revoked: bytes, at: int) -> None:
    """Keep a revocation list (PEM), unless it is there, at city time `at` (ms)."""
    await _keep(connection, "revocation", "", revoked, at)


async def _keep(connection: AsyncConnection, kind: str, name: str, raw: bytes, at: int) -> None:
    if not await fetch(connection, KEPT, (name, kind, raw)):
        await enter(connection, Entry(kind, name, "", 0, 0, at, "", raw))
