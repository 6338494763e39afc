"""SQL of what is looked for: offices of windows, people on duty, and accounts."""

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.people.tables
import cloud.staffing.tables  # noqa: F401  (their tables belong to the schema)
from cloud.database import fetch, having
from cloud.search.rules import MOST, Hit

OFFICES = """
SELECT m."window", o.zh, o.en FROM office_window AS m JOIN office AS o ON o.code = m.office
WHERE m.valid_from <= :at AND coalesce(m.valid_to, 9007199254740992) > :until
"""
# The names' letters are asked for as small ones, in which both databases agree at least about the English ones.
DUTY = """
SELECT code, zh, en FROM person
WHERE lower(code) LIKE :code ESCAPE '!' OR lower(zh) LIKE :zh ESCAPE '!' OR lower(en) LIKE :en ESCAPE '!'
ORDER BY code LIMIT :most
"""
ACCOUNTS = """
SELECT name, called FROM account
WHERE lower(name) LIKE :name ESCAPE '!' OR lower(called) LIKE :called ESCAPE '!' ORDER BY name LIMIT :most
"""


async def offices(connection: AsyncConnection, at: int) -> dict[str, tuple[str, str]]:
    """By what each window's office is called at `at` (ms), in Chinese and English."""
    return {window: (zh, en) for window, zh, en in await fetch(connection, OFFICES, (at, at))}


async def on_duty(connection: AsyncConnection, q: str, language: str) -> list[Hit]:
    """People on duty by code or name."""
    like = having(q)
    rows = await fetch(connection, DUTY, (like, like, like, MOST + 1))
    return [Hit(code, zh if language == "zh" else en, None) for code, zh, en in rows]


async def accounts(connection: AsyncConnection, q: str) -> list[Hit]:
    """Accounts by name or by what their holders are called."""
    like = having(q)
    rows = await fetch(connection, ACCOUNTS, (like, like, MOST + 1))
    return [Hit(name, called, f"/people/{name}") for name, called in rows]
