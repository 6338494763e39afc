"""Making accounts, and the one-time links by which their holders set a password: nobody else ever knows it."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.changes import store as changes
from cloud.people import accounts
from cloud.people.accounts import Holder
from cloud.people.rules import LINK_MS, Person
from cloud.people.secret import digest, fresh


async def invite(
    connection: AsyncConnection,
    person: Person,
    holder: Holder,
    *,
    now: int,
    random_bits: Callable[[int], int],
    by: str,
) -> str:
    """Make the account of `person`, or change it, at city time `now` (ms); the secret of its link.

    `by` is who invites.
    """
    before = await accounts.named(connection, person.name)
    await accounts.put(connection, person, holder, now)
    what = "make-account" if before is None else "change-account"
    await changes.note(connection, now, by, what, person.name, person.place, role=person.role, called=holder.called)
    return await new_link(connection, person.name, LINK_MS, now=now, random_bits=random_bits)


async def new_link(
    connection: AsyncConnection, name: str, lasts_ms: int, *, now: int, random_bits: Callable[[int], int]
) -> str:
    """Return the secret of a new one-time link for the account `name`."""
    secret = fresh(random_bits)
    await accounts.add_link(connection, name, digest(secret), now + lasts_ms, now)
    return secret
