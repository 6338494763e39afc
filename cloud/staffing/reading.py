"""SQL of who sits where, page by page."""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import fetch, having

# In the order of the key, so that a page ends where it is full.
PAGE = """
SELECT duty."window", duty.valid_from, duty.valid_to, person.code, person.zh, person.en
FROM duty JOIN person ON person.code = duty.person
WHERE duty."window" >= :first AND duty."window" < :behind AND (duty."window", duty.valid_from) > (:window, :valid_from)
    AND duty.valid_from < :end AND (duty.valid_to IS NULL OR duty.valid_to > :begin)
    AND (duty.valid_to IS NULL OR duty.valid_to > duty.valid_from) AND lower(duty."window") LIKE :at ESCAPE '!'
    AND (lower(person.code) LIKE :code ESCAPE '!' OR lower(person.zh) LIKE :zh ESCAPE '!'
        OR lower(person.en) LIKE :en ESCAPE '!')
ORDER BY duty."window", duty.valid_from LIMIT :limit
"""


class Sits(NamedTuple):
    """Who has `window` from when until before when (ms; None: until further notice)."""

    window: str
    since: int
    until: int | None
    code: str
    zh: str
    en: str


class Sought(NamedTuple):
    """Duties that hold between the moments `begin` and `end` (ms), at windows between two names, as on `names_of`.

    `window` and `person`: parts of what they are called; `after`: behind which window and beginning the page begins.
    """

    names: tuple[str, str]
    begin: int
    end: int
    window: str = ""
    person: str = ""
    after: tuple[str, int] = ("", 0)


async def page(connection: AsyncConnection, sought: Sought, limit: int) -> list[Sits]:
    """Return what is `sought`, by window and beginning."""
    first, last = sought.names
    at, who = having(sought.window.strip()), having(sought.person.strip())
    # What is behind the last name, which may be a window itself.
    values = (first, f"{last}\x01", *sought.after, sought.end, sought.begin, at, who, who, who, limit)
    return [Sits(*row) for row in await fetch(connection, PAGE, values)]
