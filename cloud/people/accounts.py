"""SQL of accounts and of the one-time links by which their holders set a password."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.oidc.tables
import cloud.people.tables  # noqa: F401  (their tables belong to the schema)
from cloud.database import fetch, fetch_value, write
from cloud.people.rules import LEADERS, Person, Role

_FIELDS = "name, called, role, place, person, mail, password, created_at, ended_at, failures, locked_until"
ONE = f"SELECT {_FIELDS} FROM account WHERE name = :name"  # noqa: S608  (our own columns)
ALL = f"SELECT {_FIELDS} FROM account ORDER BY name"  # noqa: S608
HOLDERS = "SELECT name, role, place FROM account WHERE ended_at IS NULL"
# Somebody may begin by a link alone as long as there is nobody who could let others in.
ADMINS = """
SELECT count(*) FROM account WHERE role = 'admin' AND ended_at IS NULL
AND (password IS NOT NULL OR name IN (SELECT name FROM bound_subject))
"""

PUT = """
INSERT INTO account (name, called, role, place, person, mail, password, created_at, ended_at, failures, locked_until)
VALUES (:name, :called, :role, :place, :person, :mail, NULL, :created_at, NULL, 0, NULL)
ON CONFLICT (name) DO UPDATE SET called = excluded.called, role = excluded.role, place = excluded.place,
    person = excluded.person, mail = excluded.mail
"""

END = "UPDATE account SET ended_at = :at WHERE name = :name AND ended_at IS NULL"
RESUME = "UPDATE account SET ended_at = NULL WHERE name = :name"
# Of itself it changes nothing; there is one to write whether or not there is such an account, which takes as long.
HOLD = "UPDATE account SET failures = failures WHERE name = :name"
# Counted by the database: two attempts at once are two.
FAIL = "UPDATE account SET failures = failures + 1 WHERE name = :name RETURNING failures"
LOCK = "UPDATE account SET locked_until = :until, failures = 0 WHERE name = :name"
CLEAR = "UPDATE account SET failures = 0, locked_until = NULL WHERE name = :name"
PASSWORD = "UPDATE account SET password = :password, failures = 0, locked_until = NULL WHERE name = :name"  # noqa: S105  (a statement)

DROP_PASSWORD = "UPDATE account SET password = NULL, failures = 0, locked_until = NULL WHERE name = :name"  # noqa: S105

ADD_LINK = "INSERT INTO account_link (digest, name, ends_at) VALUES (:digest, :name, :ends_at)"
LINK = "SELECT name FROM account_link WHERE digest = :digest AND ends_at > :now"
# Whoever takes it first has it: the second finds no row.
TAKE_LINK = "DELETE FROM account_link WHERE digest = :digest AND ends_at > :now RETURNING name"
# Not the first person's: of several processes each may have printed one.
DROP_LINKS = "DELETE FROM account_link WHERE (name = :name AND name <> '') OR ends_at <= :now"


class Account(NamedTuple):
    """`called`: the person's own name. `person`: who that is among those on duty. `mail`: a mailbox. Moments are ms."""

    name: str
    called: str
    role: Role
    place: str
    person: str | None
    mail: str | None
    password: str | None
    created_at: int
    ended_at: int | None
    failures: int
    locked_until: int | None

    def is_locked(self, now: int) -> bool:
        """Whether too many wrong passwords keep everybody out at `now` (ms)."""
        return self.locked_until is not None and self.locked_until > now

    def is_free(self, now: int) -> bool:
        """Whether its holder may come in at `now` (ms)."""
        return self.ended_at is None and not self.is_locked(now)

    @property
    def holder(self) -> Person:
        """Who comes in by it."""
        return Person(self.name, self.role, self.place)


class Holder(NamedTuple):
    """Who holds an account: what they are `called`, their code among those on `duty`, and their mailbox."""

    called: str
    duty: str | None = None
    mail: str | None = None


async def named(connection: AsyncConnection, name: str) -> Account | None:
    """Return the account called `name`."""
    rows = await fetch(connection, ONE, (name,))
    return Account(*rows[0]) if rows else None


async def hold(connection: AsyncConnection, name: str) -> Account | None:
    """Return the account called `name` as it is, and keep it so until the transaction ends."""
    await write(connection, HOLD, [(name,)])
    return await named(connection, name)


async def every(connection: AsyncConnection) -> list[Account]:
    """Return all accounts by name, the ended ones included."""
    return [Account(*row) for row in await fetch(connection, ALL)]


async def holders(connection: AsyncConnection) -> Mapping[str, Person]:
    """Return who comes in by each account that has not ended and is a leader's."""
    found = [Person(name, role, place) for name, role, place in await fetch(connection, HOLDERS)]
    return {one.name: one for one in found if one.role in LEADERS}


async def has_admin(connection: AsyncConnection) -> bool:
    """Whether there is somebody who can let others in."""
    return bool(await fetch_value(connection, ADMINS))


async def put(connection: AsyncConnection, person: Person, holder: Holder, now: int) -> None:
    """Make the account of `person`, or change it."""
    called, duty, mail = holder
    await write(connection, PUT, [(person.name, called, person.role, person.place, duty, mail, now)])


async def end(connection: AsyncConnection, name: str, now: int) -> None:
    """End the account: nobody comes in by it any more."""
    await write(connection, END, [(now, name)])


async def resume(connection: AsyncConnection, name: str) -> None:
    """Let an ended account hold again."""
    await write(connection, RESUME, [(name,)])


async def fail(connection: AsyncConnection, name: str) -> int:
    """Count one more wrong password; how many in a row it is now."""
    return int(await fetch_value(connection, FAIL, (name,)) or 0)


async def lock(connection: AsyncConnection, name: str, until: int) -> None:
    """Lock the account `until` that moment (ms)."""
    await write(connection, LOCK, [(until, name)])


async def clear(connection: AsyncConnection, name: str) -> None:
    """Forget failures."""
    await write(connection, CLEAR, [(name,)])


async def set_password(connection: AsyncConnection, name: str, kept: str) -> None:
    """Set what is kept of the password."""
    await write(connection, PASSWORD, [(kept, name)])


async def drop_password(connection: AsyncConnection, name: str) -> None:
    """Forget the password, and failures: its holder comes in otherwise from now on."""
    await write(connection, DROP_PASSWORD, [(name,)])


async def add_link(connection: AsyncConnection, name: str, digest: str, ends_at: int, now: int) -> None:
    """Add a one-time link for `name`, in place of any earlier one, where that is somebody already."""
    await write(connection, DROP_LINKS, [(name, now)])
    await write(connection, ADD_LINK, [(digest, name, ends_at)])


async def linked(connection: AsyncConnection, digest: str, now: int) -> str | None:
    """Return whose link it is, as long as it holds."""
    found: str | None = await fetch_value(connection, LINK, (digest, now))
    return found


async def take_link(connection: AsyncConnection, digest: str, now: int) -> str | None:
    """Use the link up; whose it was."""
    taken: str | None = await fetch_value(connection, TAKE_LINK, (digest, now))
    return taken
