"""`manyi misuse`: what the city flags as possible misuse, and what auditors decide about it."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from cli import judge as judging
from cli.city import opened
from cli.exits import explained

misuse = typer.Typer(help="What the city flags as possible misuse of the buttons.", no_args_is_help=True)

Config = Annotated[Path, typer.Option("--config", metavar="FILE", help="The city's TOML file.")]


misuse.command()(judging.keygen)
misuse.command("list")(judging.list_)
misuse.command()(judging.judge)
misuse.command()(judging.cosign)
misuse.command("file")(judging.file_)


@misuse.command()
def rebuild(
    *, config: Config, as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False
) -> None:
    """Make every flag again from the ledger and say whether they are the same; the city may run.

    Cut off, it goes on with the city. Exit code 0 when the flags are the same as before, 1 when they are not.
    """
    from cli.progress import telling
    from cloud.calendar import Calendar
    from cloud.filtered import store as filtered
    from cloud.hours.holder import OfficesHolder
    from cloud.misuse import policy
    from cloud.misuse import rebuild as rebuilding
    from cloud.misuse.worker import Filter
    from cloud.registry.worker import RegistryHolder
    from cloud.settings import read
    from transport.boot import wall_ms

    async def run() -> rebuilding.Account:
        async with opened(settings) as database:
            calendar = Calendar(settings.zone)
            holder = RegistryHolder(database.reader, now=wall_ms)
            await holder.refresh()
            offices = OfficesHolder(lambda: holder.current.offices, calendar, now=wall_ms)
            judging = Filter(
                database,
                filtered,
                policy=policy.shipped(),
                calendar=calendar,
                offices=offices.current,
                registry=lambda: holder.current,
                now=wall_ms,
            )
            return await rebuilding.rebuild(database, judging, tell)

    with explained(), telling() as tell:
        settings = read(config)
        account = asyncio.run(run())
    if as_json:
        told = {name: getattr(account, name) for name in ("position", "before", "after", "equal")}
        typer.echo(json.dumps({**told, "digest": account.digest_after}))
    else:
        typer.echo(f"{account.after:,} flags up to ledger position {account.position:,}, {account.before:,} before")
        typer.echo("they are the same" if account.equal else "they are not the same as before")
    if not account.equal:
        raise typer.Exit(1)
