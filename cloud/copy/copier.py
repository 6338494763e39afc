"""One copier for a city that moves, for backups and for restores: pages, kept progress, and a proof at the end."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.copy.progress import Place
from cloud.copy.rules import APPENDED, Sum
from cloud.copy.sheet import Sheet, pages, sheets
from cloud.copy.source import mark
from cloud.copy.target import Target
from cloud.database import fetch, fetch_value, unavailable
from contract.errors import SettingsError

# What is being done ("copy" or "verify"), how many rows are done, of how many.
Tell = Callable[[str, int, int], None]

LAST_ENTRY = "SELECT position, raw FROM ledger_entry ORDER BY position DESC LIMIT 1"
ENTRY = "SELECT raw FROM ledger_entry WHERE position = :position"


class Copied(NamedTuple):
    """Rows by table, how many of them this run copied, and what does not agree, one line each."""

    rows: Mapping[str, int]
    fresh: int
    disagreements: Sequence[str]


async def copy(source: AsyncConnection, target: Target, name: str, tell: Tell) -> Copied:
    """Copy the snapshot `source`, which people know as `name`, into `target`, or go on with that; verify every row.

    What an interrupted copy of the same source left stands where it cannot have changed since; a table that disagrees
    is copied anew next time. The target is half a copy until its `finish`. Raises `SettingsError` when it holds
    something else, `Unavailable` when either database fails; then it can simply be run again.
    """
    with unavailable():
        every = sheets()
        places = await target.begin(name, await mark(source), every)
        await _check_same(source, target, name)
        totals = {sheet.name: int(await fetch_value(source, sheet.total)) for sheet in every}
        done = begun = sum(place.rows for place in places.values())
        total = sum(totals.values())
        tell("copy", done, total)
        for sheet in every:
            async for rows in _copied(source, target, sheet, places.get(sheet.name)):
                done += rows
                tell("copy", done, total)
        async with target.database.reader.begin() as copied:
            found = _disagreements(source, copied, every, lambda rows: tell("verify", rows, 2 * total))
            wrong = {sheet: line async for sheet, line in found}
        for sheet in wrong:
            if sheet.name not in APPENDED:
                await target.clear(sheet)
        return Copied(totals, done - begun, list(wrong.values()))


async def _check_same(source: AsyncConnection, target: Target, name: str) -> None:
    """Raise `SettingsError` when what was copied before does not stand in this source."""
    async with target.database.reader.begin() as copied:
        for position, raw in await fetch(copied, LAST_ENTRY):
            if await fetch_value(source, ENTRY, (position,)) != raw:
                raise SettingsError(
                    f"{name} is not what the copy began with: its ledger has another entry {position}. "
                    "Give an empty database and begin anew"
                )


async def _copied(source: AsyncConnection, target: Target, sheet: Sheet, place: Place | None) -> AsyncIterator[int]:
    """Copy what is missing of a table; after each page, how many rows it had."""
    total = place.rows if place else 0
    async with aclosing(pages(source, sheet, place.key if place else None)) as missing:
        async for rows in missing:
            total += len(rows)
            await target.put(sheet, rows, total)
            yield len(rows)


async def _disagreements(
    source: AsyncConnection, copied: AsyncConnection, every: Sequence[Sheet], tell: Callable[[int], None]
) -> AsyncIterator[tuple[Sheet, str]]:
    """Read both sides again; each table of which any row differs, and how."""
    done = 0
    for sheet in every:
        sums = (Sum(), Sum())
        for side, rows in zip((source, copied), sums, strict=True):
            async with aclosing(pages(side, sheet)) as every_page:
                async for page in every_page:
                    rows.add(page)
                    tell(done + sums[0].rows + sums[1].rows)
        done += sums[0].rows + sums[1].rows
        if sums[0].text != sums[1].text:
            again = "begin anew with an empty database" if sheet.name in APPENDED else "run it again to copy that anew"
            here, there = (f"{rows.rows} rows {rows.text}" for rows in sums)
            yield sheet, f"{sheet.name}: source has {here}, copy has {there}: {again}"
