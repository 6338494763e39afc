"""Opening a session for somebody who has shown who they are."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.changes import store as changes
from cloud.people import sessions
from cloud.people.rules import LONGEST_MS, Person
from cloud.people.secret import digest, fresh


async def open_session(
    connection: AsyncConnection,
    person: Person,
    what: str,
    *,
    now: int,
    random_bits: Callable[[int], int],
    **body: object,
) -> str:
    """Return the secret of a new session of `person` at `now` (ms), and note `what` they did for it, with `body`."""
    secret = fresh(random_bits)
    await sessions.begin(connection, digest(secret), person.name, fresh(random_bits), now, now + LONGEST_MS)
    await changes.note(connection, now, person.name, what, person.name, person.place, **body)
    return secret
