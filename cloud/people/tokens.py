"""Keys for walls and programs, registered by their digest: the key itself is in no document."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.changes import store as changes
from cloud.hours.rules import CITY
from cloud.people import sessions
from cloud.people.rules import NAME, Person, Role, person_of
from contract.errors import SettingsError
from contract.identity import whole


class TokenForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`name` may be what `role` may be in `place`, with the key whose SHA-256 is `digest` (hex)."""

    name: Annotated[str, msgspec.Meta(pattern=whole(NAME))]
    role: Role
    digest: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    place: str = CITY


async def put(connection: AsyncConnection, forms: Sequence[TokenForm], now: int) -> None:
    """Register `forms` at city time `now` (ms), within the transaction of `connection`.

    Raises `SettingsError` for a place that is not the role's, and for a name that has another key.
    """
    for form in forms:
        try:
            person = person_of(form.name, form.role, form.place)
        except SettingsError as bad:
            raise SettingsError(f"registration: token {form.name}: {bad}") from bad
        known = await sessions.known_token(connection, form.name)
        if known == form.digest:
            continue
        if known is not None:
            raise SettingsError(f"registration: token {form.name} has another key: end it, and take another name")
        await add(connection, person, form.digest, now, by="registration")


async def add(connection: AsyncConnection, person: Person, digest: str, now: int, *, by: str) -> None:
    """Add a token that lets its holder be `person`, and note that `by` did so."""
    await sessions.add_token(connection, person, digest, now)
    await changes.note(connection, now, by, "add-key", person.name, person.place, role=person.role)
