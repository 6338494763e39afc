"""SQL of contacts. A row is put behind its file, and marked deleted behind the file's end."""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.cases.tables
import cloud.contacts.tables  # noqa: F401  (their tables belong to the schema)
from cloud.contacts.rules import Contact, masked_name, masked_telephone
from cloud.database import fetch, fetch_value, write

PUT = """
INSERT INTO contact (file, "case", telephone, name, recorded_at, recorded_by)
VALUES (:file, :case, :telephone, :name, :recorded_at, :recorded_by)
"""
OF_CASE = """
SELECT file, telephone, name, recorded_at, recorded_by FROM contact WHERE "case" = :case AND deleted_by IS NULL
"""
END = """
UPDATE contact SET telephone = '', name = '', deletes_at = :at, deleted_by = :by
WHERE "case" = :case AND deleted_by IS NULL RETURNING file
"""
GONE = "UPDATE contact SET deleted_at = :at WHERE file = :file AND deleted_at IS NULL"
ENDED = "SELECT file FROM contact WHERE deleted_at IS NULL AND deletes_at IS NOT NULL ORDER BY deletes_at"
# From the contacts there are, which are few, and not from every case there ever was.
DUE = """
SELECT t."case" FROM contact AS t
WHERE t.deleted_by IS NULL AND (SELECT c.closed_at FROM "case" AS c WHERE c.number = t."case") <= :until
ORDER BY t."case"
"""
FILES = "SELECT file, CASE WHEN deleted_at IS NULL THEN 1 ELSE 0 END FROM contact"
READINGS = "SELECT count(*) FROM case_step WHERE action = 'read_contact' AND who = :who AND at > :since"


class Left(NamedTuple):
    """The contact of a case as it is shown, which was `recorded_at` (ms); the whole of it is in `file`."""

    file: str
    telephone: str
    name: str
    recorded_at: int
    recorded_by: str


async def put(connection: AsyncConnection, file: str, case: int, contact: Contact, at: int, by: str) -> None:
    """Put the row of a contact whose `file` is there."""
    masked = masked_telephone(contact.telephone), masked_name(contact.name)
    await write(connection, PUT, [(file, case, *masked, at, by)])


async def of_case(connection: AsyncConnection, case: int) -> Left | None:
    """The contact of this case; None where there is none, or none any more."""
    found = await fetch(connection, OF_CASE, (case,))
    return Left(*found[0]) if found else None


async def end(connection: AsyncConnection, case: int, at: int, by: str) -> str | None:
    """Nobody reads the contact of this case from now on; its file, which is to be deleted, or None: there is none."""
    file: str | None = await fetch_value(connection, END, (at, by, case))
    return file


async def gone(connection: AsyncConnection, file: str, at: int) -> None:
    """The `file` was deleted at `at` (ms)."""
    await write(connection, GONE, [(at, file)])


async def ended(connection: AsyncConnection) -> list[str]:
    """Files that are to be deleted, and were not yet as far as anybody knows."""
    return [str(file) for (file,) in await fetch(connection, ENDED)]


async def due(connection: AsyncConnection, until: int) -> list[int]:
    """Cases that ended by `until` (ms) and have a contact still."""
    return [int(number) for (number,) in await fetch(connection, DUE, (until,))]


async def files(connection: AsyncConnection) -> dict[str, bool]:
    """Of every contact there ever was its file, and whether that is to be there."""
    return {str(file): bool(alive) for file, alive in await fetch(connection, FILES)}


async def readings(connection: AsyncConnection, who: str, since: int) -> int:
    """How many contacts `who` has read since then (ms)."""
    return int(await fetch_value(connection, READINGS, (who, since)))
