"""SQL of offices and duties."""

from collections.abc import Container, Sequence
from itertools import groupby
from operator import attrgetter

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.staffing.tables  # noqa: F401  (its tables belong to the schema)
from cloud.database import fetch, write
from cloud.staffing.rules import Staff, Tenure, check_apart
from contract.errors import SettingsError

PUT_OFFICE = """
INSERT INTO office (code, zh, en) VALUES (:code, :zh, :en)
ON CONFLICT (code) DO UPDATE SET zh = excluded.zh, en = excluded.en
"""

PUT_PERSON = """
INSERT INTO person (code, zh, en) VALUES (:code, :zh, :en)
ON CONFLICT (code) DO UPDATE SET zh = excluded.zh, en = excluded.en
"""

MEMBERSHIPS = 'SELECT "window", valid_from, valid_to, office FROM office_window WHERE "window" = :window'
DUTIES = 'SELECT "window", valid_from, valid_to, person FROM duty WHERE "window" = :window'

PUT_MEMBERSHIP = """
INSERT INTO office_window ("window", valid_from, valid_to, office) VALUES (:window, :valid_from, :valid_to, :office)
ON CONFLICT ("window", valid_from) DO UPDATE SET valid_to = excluded.valid_to, office = excluded.office
"""

PUT_DUTY = """
INSERT INTO duty ("window", valid_from, valid_to, person) VALUES (:window, :valid_from, :valid_to, :person)
ON CONFLICT ("window", valid_from) DO UPDATE SET valid_to = excluded.valid_to, person = excluded.person
"""

_window = attrgetter("window")


async def put(connection: AsyncConnection, staff: Staff, windows: Container[str]) -> None:
    """Add or change what `staff` says, of the registered `windows`.

    Raises `SettingsError` for another window, and where one would be two's at a time; the transaction is to be undone.
    """
    for one in (*staff.memberships, *staff.duties):
        if one.window not in windows:
            raise SettingsError(f"registration: {one.code}: there is no window {one.window}; register its node with it")
    await write(connection, PUT_OFFICE, staff.offices)
    await write(connection, PUT_PERSON, staff.people)
    await _put(connection, MEMBERSHIPS, PUT_MEMBERSHIP, staff.memberships)
    await _put(connection, DUTIES, PUT_DUTY, staff.duties)


async def _put(connection: AsyncConnection, known: str, statement: str, tenures: Sequence[Tenure]) -> None:
    for window, more in groupby(sorted(tenures, key=_window), key=_window):
        check_apart((Tenure(*row) for row in await fetch(connection, known, (window,))), more)
    await write(connection, statement, tenures)
