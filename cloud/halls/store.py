"""SQL of what halls are told."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.halls.tables  # noqa: F401  (its table belongs to the schema)
from cloud.database import fetch, fetch_value
from cloud.halls.document import Document
from contract.hall import OnDuty

# A version is the millisecond of its change where that is higher than the next number, so that a city restored from a
# backup never gives one again that a township has with other content.
_RAISED = """
    CASE WHEN excluded.version > hall_head.version THEN excluded.version ELSE hall_head.version + 1 END
"""
RAISE_VERSION = f"""
INSERT INTO hall_head (id, version, edition, body) VALUES (1, :now, 0, '')
ON CONFLICT (id) DO UPDATE SET version = {_RAISED} RETURNING version
"""  # noqa: S608  (a part of the statement, which stands above)
PUT = f"""
INSERT INTO hall_head (id, version, edition, body) VALUES (1, :version, :edition, :body)
ON CONFLICT (id) DO UPDATE SET version = {_RAISED}, edition = {_RAISED}, body = excluded.body RETURNING edition
"""  # noqa: S608
EDITION = "SELECT edition FROM hall_head WHERE id = 1"
BODY = "SELECT body FROM hall_head WHERE id = 1"
DUTIES = """
SELECT duty."window", person.zh, person.en, duty.valid_from, duty.valid_to
FROM duty JOIN person ON person.code = duty.person
WHERE duty.valid_from < :until AND (duty.valid_to IS NULL OR duty.valid_to > :since)
    AND (duty.valid_to IS NULL OR duty.valid_to > duty.valid_from)
ORDER BY duty.valid_from, duty."window"
"""


async def put(connection: AsyncConnection, document: Document, now: int) -> int:
    """Put `document` at `now` (ms) in place of what was there; its edition."""
    body = msgspec.json.encode(document).decode()
    return int(await fetch_value(connection, PUT, (now, now, body)))


async def edition(connection: AsyncConnection) -> int:
    """Which edition of the city's document there is; 0 for none."""
    return int(await fetch_value(connection, EDITION) or 0)


async def document(connection: AsyncConnection) -> Document:
    """Return the city's document."""
    body = await fetch_value(connection, BODY)
    return msgspec.json.decode(body, type=Document) if body else Document()


async def raise_version(connection: AsyncConnection, now: int) -> int:
    """The next version of papers, at `now` (ms)."""
    return int(await fetch_value(connection, RAISE_VERSION, (now,)))


async def duties(connection: AsyncConnection, since: int, until: int) -> list[OnDuty]:
    """Return who has which window between two moments (ms), by beginning."""
    return [OnDuty(*row) for row in await fetch(connection, DUTIES, (until, since))]
