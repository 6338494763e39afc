"""Who may judge flags, and by which key: registering them, and every key that each of them had."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

import cloud.registry.tables  # noqa: F401  (its tables belong to the schema)
from cloud.calendar import milliseconds
from cloud.database import fetch, write
from contract.config import KeyText
from contract.errors import SettingsError
from contract.identity import whole
from contract.keys import Key, Keys
from contract.signing import public_key
from proof.judgement import AUDITOR

ALL = "SELECT name, key, valid_from, valid_to FROM auditor ORDER BY name, valid_from"
# What a key is registered as stays; it may be given another name in Chinese, and an end.
CLOSE = "UPDATE auditor SET valid_to = :at WHERE name = :name AND valid_to IS NULL"
NAME = "UPDATE auditor SET zh = :zh WHERE name = :name AND valid_to IS NULL"
ADD = 'INSERT INTO auditor (name, zh, "key", valid_from, valid_to) VALUES (:name, :zh, :key, :valid_from, :valid_to)'


class AuditorForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An auditor with a public key, which holds from now on; `to`: until when."""

    name: Annotated[str, msgspec.Meta(pattern=whole(AUDITOR))]
    zh: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    key: KeyText
    to: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


async def put(connection: AsyncConnection, forms: Sequence[AuditorForm], now: int) -> None:
    """Register `forms` at city time `now` (ms). Raises `SettingsError` for a key that is none, or somebody else's."""
    held = {key.raw: (name, key) for name, keys in (await known(connection)).items() for key in keys}
    for form in forms:
        where = f"registration: auditor {form.name}"
        try:
            raw = public_key(form.key)
        except ValueError as bad:
            raise SettingsError(f"{where}: {bad}") from bad
        holder, key = held.get(raw, (form.name, None))
        if holder != form.name:
            raise SettingsError(f"{where}: this is the key of {holder}: everybody makes one of their own")
        if key is not None and key.until is not None:
            raise SettingsError(f"{where}: this key has ended: make another one")
        end = None if form.to is None else milliseconds(form.to)
        if end is not None and end <= now:
            raise SettingsError(f"{where}: `to` is over already")
        if key is None:
            await write(connection, CLOSE, [(now, form.name)])
            await write(connection, ADD, [(form.name, form.zh, form.key, now, end)])
        else:
            await write(connection, NAME, [(form.zh, form.name)])
            if end is not None:
                await write(connection, CLOSE, [(end, form.name)])
        held[raw] = form.name, Key(raw, end, now)


async def known(connection: AsyncConnection) -> Keys:
    """Every key that an auditor ever had, by name."""
    keys: dict[str, list[Key]] = {}
    for name, key, valid_from, valid_to in await fetch(connection, ALL):
        keys.setdefault(name, []).append(Key(public_key(key), valid_to, valid_from))
    return keys
