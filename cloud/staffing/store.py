"""SQL of offices and duties."""

from collections.abc import Collection, Container, Sequence
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

# What lies between two names of windows in one go: a city's roster names thousands.
_BETWEEN = """
SELECT "window", valid_from, valid_to, {whose} FROM {held}
WHERE "window" >= :first AND "window" <= :last AND (valid_to IS NULL OR valid_to >= :since)
"""
MEMBERSHIPS = _BETWEEN.format(held="office_window", whose="office")
DUTIES = _BETWEEN.format(held="duty", whose="person")

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


async def standing(
    connection: AsyncConnection, query: str, windows: Collection[str], since: int
) -> dict[str, list[Tenure]]:
    """By window, what `query` (`MEMBERSHIPS` or `DUTIES`) finds of `windows` that goes on at `since` (ms) or later."""
    found: dict[str, list[Tenure]] = {window: [] for window in windows}
    if found:
        for row in await fetch(connection, query, (min(found), max(found), since)):
            if row[0] in found:
                found[row[0]].append(Tenure(*row))
    return found


async def _put(connection: AsyncConnection, known: str, statement: str, tenures: Sequence[Tenure]) -> None:
    windows = {one.window for one in tenures}
    # What ended before the first of them begins is in nobody's way.
    there = await standing(connection, known, windows, min((one.valid_from for one in tenures), default=0))
    for window, more in groupby(sorted(tenures, key=_window), key=_window):
        check_apart(there[window], more)
    await write(connection, statement, tenures)
