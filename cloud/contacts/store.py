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
FILES = """
SELECT file, CASE WHEN deleted_at IS NULL THEN 1 ELSE 0 END FROM contact
UNION ALL SELECT file, 1 FROM contact_waiting
"""
READINGS = "SELECT count(*) FROM case_step WHERE action = 'read_contact' AND who = :who AND at > :since"

WAIT = """
INSERT INTO contact_waiting (file, node, epoch, seq, left_at) VALUES (:file, :node, :epoch, :seq, :left_at)
"""
# Not before the rating itself is seen: else a case that is seen by another of its ratings would give it away.
READY = """
SELECT w.file, c.number FROM contact_waiting AS w
JOIN case_rating AS r ON r.node = w.node AND r.epoch = w.epoch AND r.seq = w.seq
JOIN "case" AS c ON c.number = r."case"
WHERE r.seen_from <= :now AND c.closed_at IS NULL AND c.contact = 0 ORDER BY w.left_at, w.file
"""
# Their case has ended, or there was none for so long.
VAIN = """
SELECT w.file FROM contact_waiting AS w
LEFT JOIN case_rating AS r ON r.node = w.node AND r.epoch = w.epoch AND r.seq = w.seq
LEFT JOIN "case" AS c ON c.number = r."case"
WHERE c.closed_at IS NOT NULL OR (c.number IS NULL AND w.left_at <= :until) ORDER BY w.file
"""
TAKEN = "DELETE FROM contact_waiting WHERE file = :file RETURNING file"

# Of a rating: node, epoch and seq.
Number = tuple[str, str, int]


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


async def wait(connection: AsyncConnection, file: str, rating: Number, at: int) -> None:
    """Let the contact in `file`, which was left at `at` (ms) with this `rating`, wait for its case."""
    await write(connection, WAIT, [(file, *rating, at)])


async def ready(connection: AsyncConnection, now: int) -> list[tuple[str, int]]:
    """Files that wait, and the case that each can be given to at `now` (ms), the one left first first."""
    return [(str(file), int(number)) for file, number in await fetch(connection, READY, (now,))]


async def vain(connection: AsyncConnection, until: int) -> list[str]:
    """Files that wait in vain: their case has ended, or they were left by `until` (ms) and there is none."""
    return [str(file) for (file,) in await fetch(connection, VAIN, (until,))]


async def taken(connection: AsyncConnection, file: str) -> bool:
    """Let `file` wait no longer; False where it did not."""
    return bool(await fetch(connection, TAKEN, (file,)))
