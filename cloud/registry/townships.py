"""Townships that are founded and that end, where the city's table of places has others than there are today.

A township that is merged into another ends; what it earned stays its own (docs/scores.md). A code never comes back.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import milliseconds
from cloud.database import fetch, write
from contract.config import TownshipCode
from contract.errors import SettingsError
from contract.identity import county_of

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]

ALL = "SELECT code, valid_from, valid_to FROM township"
COUNTIES = "SELECT DISTINCT code FROM county"
FOUND = """
INSERT INTO township (code, county, zh, en, short_zh, short_en, valid_from)
VALUES (:code, :county, :zh, :en, :short_zh, :short_en, :at)
"""
END = "UPDATE township SET valid_to = :at WHERE code = :code"


class TownshipForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A township. A new one has its names, long and short, and may have a day `from` which it is there, else from now.

    `to`: when it ends; of one that is known already nothing else can be said.
    """

    code: TownshipCode
    zh: _Name | None = None
    en: _Name | None = None
    short_zh: _Name | None = None
    short_en: _Name | None = None
    from_: _Moment | None = msgspec.field(default=None, name="from")
    to: _Moment | None = None


async def put(connection: AsyncConnection, forms: Sequence[TownshipForm], now: int) -> None:
    """Found and end townships at city time `now` (ms). Raises `SettingsError`."""
    known = {code: (begin, end) for code, begin, end in await fetch(connection, ALL)}
    counties = {code for (code,) in await fetch(connection, COUNTIES)}
    for form in forms:
        where = f"registration: township {form.code}"
        names = (form.zh, form.en, form.short_zh, form.short_en)
        if form.code in known:
            if form.from_ is not None or any(names):
                raise SettingsError(f"{where}: it is known already: only `to` can be said of it")
            begin, end = known[form.code]
            if end is not None and end <= now:
                raise SettingsError(f"{where}: it has ended, and a code never comes back")
        else:
            if None in names:
                raise SettingsError(f"{where}: a new one needs zh, en, short_zh and short_en")
            if county_of(form.code) not in counties:
                raise SettingsError(f"{where}: there is no county {county_of(form.code)}")
            begin = now if form.from_ is None else milliseconds(form.from_)
            await write(connection, FOUND, [(form.code, county_of(form.code), *names, begin)])
            known[form.code] = begin, None
        if form.to is not None:
            if (end := milliseconds(form.to)) <= begin:
                raise SettingsError(f"{where}: it ends before it begins")
            await write(connection, END, [(end, form.code)])
