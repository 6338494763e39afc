"""`manyi db`: the city's database."""

import asyncio
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfoNotFoundError

import typer

from cli.city import opened
from cli.exits import explained

db = typer.Typer(help="The city's database.", no_args_is_help=True)

Config = Annotated[Path, typer.Option("--config", metavar="FILE", help="The city's TOML file.")]


@db.command()
def upgrade(*, config: Config) -> None:
    """Bring the database's schema to this program's; what is there stays.

    Needed on PostgreSQL before a new version of Manyi runs on it. An SQLite file is upgraded by the city itself.
    """
    from cloud.database import upgrade_database
    from cloud.settings import read

    with explained():
        settings = read(config)
        before, now = asyncio.run(
            upgrade_database(settings.database, password_file=settings.database_password_file),
        )
    typer.echo(
        f"the schema was {before} already" if before == now else f"the schema went from {before or 'nothing'} to {now}"
    )


@db.command()
def copy(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The city: path of an SQLite file, or a URL.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="An empty database: a new file's path, or a URL.")],
    *,
    source_password_file: Annotated[str | None, typer.Option(metavar="FILE", help="The source's password.")] = None,
    target_password_file: Annotated[str | None, typer.Option(metavar="FILE", help="The target's password.")] = None,
    zone: Annotated[str, typer.Option(help="The city's time zone, whose days are counted again.")] = "Asia/Shanghai",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Copy a whole city into another database, mostly from SQLite to PostgreSQL, and prove that it is the same.

    The copy is of the moment at which it begins, and what the city takes in later is not in it: unless this is a trial,
    stop the city first. Killed at any moment and started again it goes on. Exit code 1 where something does not agree.
    """
    from cli.progress import telling
    from cli.report import moved
    from cloud.calendar import Calendar
    from cloud.copy.move import Place, move
    from contract.errors import SettingsError

    with explained(), telling() as tell:
        places = Place(_whole(source), source_password_file), Place(_whole(target), target_password_file)
        try:
            calendar = Calendar(zone)
        except (ZoneInfoNotFoundError, ValueError) as bad:
            raise SettingsError(f"--zone: {zone!r} is no IANA time zone such as Asia/Shanghai") from bad
        done = asyncio.run(move(*places, calendar, tell))
    moved(done, as_json=as_json)


def _whole(database: str) -> str:
    """A path from the root on: a copy that goes on must know its source from wherever it is started."""
    from cloud.address import SQLITE, url_of

    url = url_of(database)
    return str(Path(url.database or "").resolve()) if url.drivername == SQLITE else database


@db.command()
def recount(
    *,
    config: Config,
    repair: Annotated[bool, typer.Option("--repair", help="Set what differs; the city may run.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Count every tally again from the ledger and list what differs; exit code 0 when all is equal, 1 otherwise.

    After a repair a running city's wall shows the new figures with its next rating.
    """
    from cli.progress import telling
    from cli.report import recounted
    from cloud.calendar import Calendar
    from cloud.recount import recount as recounting
    from cloud.settings import read

    async def run() -> tuple[recounting.Account, recounting.Account | None]:
        calendar = Calendar(settings.zone)
        async with opened(settings) as database:
            if repair:
                before, account = await recounting.mend(database, calendar, count)
                return account, before
            return await recounting.recount(database, calendar, count), None

    with explained(), telling() as tell:
        settings = read(config)

        def count(done: int, total: int) -> None:
            tell("recount", done, total)

        account, before = asyncio.run(run())
    recounted(account, before, as_json=as_json)
