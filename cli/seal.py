"""`manyi seal`: closing a day of the ledger by hand, and a seal as a text to keep."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.city import opened
from cli.exits import explained
from contract.errors import SettingsError

if TYPE_CHECKING:
    from cloud.settings import Settings
    from proof.seals import Sealed

Config = Annotated[Path, typer.Option("--config", metavar="FILE", help="The city's TOML file.")]


def seal(
    *,
    config: Config,
    now: Annotated[bool, typer.Option("--now", help="Close all there is by now, in the middle of a day too.")] = False,
    number: Annotated[int | None, typer.Option(min=1, help="Show this seal, and close nothing.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write it here, with the hash of every entry."),
    ] = None,
) -> None:
    """Close the days that are over, which a running city does at midnight by itself, and show the newest seal.

    What it shows is a signed text that anybody may keep: whoever has it holds the city to its ledger. `manyi verify`
    checks it, `manyi audit --seal` compares a ledger with it.
    """
    from cloud.settings import read
    from proof.seals import written

    with explained():
        if now and number is not None:
            raise SettingsError("--now closes what is open and --number shows what is closed: ask for one of them")
        sealed = asyncio.run(_sealed(read(config), now=now, number=number))
        if out is None:
            typer.echo(written(sealed._replace(leaves=())), nl=False)
            return
        try:
            out.write_text(written(sealed), encoding="utf-8")
        except OSError as bad:
            raise SettingsError(f"{out} cannot be written: {bad.strerror or bad}") from bad
    typer.echo(f"seal {sealed.seal.number} of {sealed.seal.day}, with its {len(sealed.leaves):,} leaves, is in {out}")


async def _sealed(settings: "Settings", *, now: bool, number: int | None) -> "Sealed":
    from cloud.calendar import Calendar
    from cloud.seals import store
    from cloud.seals.closing import close, leaves_of
    from cloud.seals.rules import day_to_close, yesterday
    from transport.boot import wall_ms
    from transport.keys import read_key

    async with opened(settings) as database:
        async with database.reader.connect() as connection:
            newest = next(iter(await store.newest(connection, 1)), None)
            found = newest if number is None else await store.numbered(connection, number)
        calendar, at = Calendar(settings.zone), wall_ms()
        day = None if number is not None else day_to_close(newest, at, calendar)
        if now:
            day = yesterday(at, calendar)
        if day is not None:
            found = await close(database, read_key(Path(settings.key)), day=day, at=at) or found
        if found is None:
            raise SettingsError("seal: there is no such seal" if number else "seal: there is nothing in the ledger")
        async with database.reader.connect() as connection:
            pages = [page async for page in leaves_of(connection, found.seal.first, found.seal.last)]
    return found._replace(leaves=tuple(leaf for page in pages for leaf in page))
