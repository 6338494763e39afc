"""Looking for the flags that are to be judged, each with its newest judgement."""

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.calendar import Calendar
from cloud.judgements import store
from cloud.judgements.rules import key_of, name_of, parts_of, place_of
from cloud.misuse import store as misuse
from cloud.misuse.rules import Flag
from cloud.registry.snapshot import names_of
from contract.errors import SettingsError
from contract.identity import node_of
from proof.judgement import Filed

# Behind every day.
_EVER = "~"

Found = tuple[Flag, Filed | None]


async def of_day(connection: AsyncConnection, day: str, place: str) -> list[Found]:
    """The flags of `place` on `day`, by window and time."""
    names = names_of(place)
    found: list[Found] = []
    for node in await misuse.nodes_flagged(connection, names, day):
        for _, (flag, newest) in sorted((await _flags(connection, node, day, day)).items()):
            if names[0] <= place_of(flag) <= names[1]:
                found.append((flag, newest))
    return found


async def named(connection: AsyncConnection, name: str, calendar: Calendar) -> Found:
    """The flag that is called `name`. Raises `SettingsError` where there is none."""
    parts = parts_of(name)
    if parts is not None:
        began, place, _ = parts
        # A silence may have begun on a day before the one that it is a flag of.
        found = await _flags(connection, node_of(place), calendar.day(began))
        if name in found:
            return found[name]
    raise SettingsError(f"there is no flag {name}: `manyi misuse list` names those that there are")


async def _flags(connection: AsyncConnection, node: str, first: str, last: str = _EVER) -> dict[str, Found]:
    """The flags of `node` on the days from `first` to `last`, by name."""
    found: dict[str, Found] = {}
    for day, flags in (await misuse.flags_since(connection, node, first)).items():
        if day <= last:
            newest = store.newest(await store.of_day(connection, node, day))
            found |= {name_of(flag): (flag, newest.get(key_of(flag))) for flag in flags}
    return found
