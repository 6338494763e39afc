"""`manyi backup` and `manyi restore`: a city in one file, and back."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from cli.exits import explained
from transport.boot import wall_ms

Config = Annotated[Path, typer.Option("--config", metavar="FILE", help="The city's TOML file.")]


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that is not there yet.")], *, config: Config
) -> None:
    """Write the city's database, as it is at this moment, into one SQLite file; the city may run meanwhile.

    The file holds all of the database, whichever the city has: `manyi restore` puts it into either. The files of cases
    lie in a folder of their own, which is to be copied afterwards.
    """
    from cli.progress import telling
    from cloud.address import shown, url_of
    from cloud.copy.backup import backup as back_up
    from cloud.settings import read

    with explained(), telling() as tell:
        settings = read(config)
        url = url_of(settings.database, settings.database_password_file)
        size = asyncio.run(back_up(url, file, tell))
    typer.echo(f"{file}: {size:,} bytes, the whole of {shown(url)}")
    if Path(settings.attachments).is_dir():
        typer.echo(f"{settings.attachments}: the files of cases, not in the backup: copy this folder now", err=True)


def restore(file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")], *, config: Config) -> None:
    """Put a backup into the empty database that the settings name, and count every tally again from its ledger.

    Started again after it was interrupted it goes on. What was rated after the backup comes from gateways and nodes
    once the city runs. Exit code 1 where something does not agree.
    """
    from cli.progress import telling
    from cli.report import moved
    from cloud.calendar import Calendar
    from cloud.copy.move import Place, bring_back
    from cloud.settings import read

    with explained(), telling() as tell:
        settings = read(config)
        place = Place(settings.database, settings.database_password_file)
        done = asyncio.run(bring_back(file.resolve(), place, Calendar(settings.zone), now=wall_ms(), tell=tell))
    moved(done, as_json=False)
