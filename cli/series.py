"""`manyi series`: the ratings over time that the city keeps in InfluxDB."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.city import opened
from cli.exits import explained
from transport.boot import wall_ms

if TYPE_CHECKING:
    from cloud.series.repair import Account
    from cloud.settings import Settings

series = typer.Typer(help="The ratings over time in InfluxDB.", no_args_is_help=True)

Config = Annotated[Path, typer.Option("--config", metavar="FILE", help="The city's TOML file.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]

# More names than a person reads; the counts are always whole.
NAMED = 10_000


@series.command()
def rebuild(*, config: Config, as_json: Json = False) -> None:
    """Drop the series and feed it again from the ledger; the city may run, and cut off it goes on with the city.

    Exit code 2 where settings are wrong or the ledger is empty, 3 where InfluxDB or the database does not answer.
    """
    from cli.progress import telling
    from cloud.calendar import Calendar
    from cloud.series import rebuild as rebuilding
    from cloud.series.feeder import Feeder
    from cloud.series.opening import influx_of

    async def run() -> Feeder:
        async with opened(settings) as database, server as influx:
            calendar = Calendar(settings.zone)
            return await rebuilding.rebuild(database, influx, calendar=calendar, now=wall_ms, tell=tell)

    with explained(away=3):
        settings = _settings(config)
        server = influx_of(settings.series)
        with telling() as tell:
            feeder = asyncio.run(run())
    if as_json:
        told = {"position": feeder.fed, "skipped": feeder.skipped, "rejected": feeder.rejected}
        typer.echo(json.dumps(told))
    else:
        typer.echo(f"fed up to ledger position {feeder.fed:,}")
        if feeder.skipped:
            typer.echo(f"{feeder.skipped:,} ratings are older than what is kept one by one; their sums are there")
        if feeder.rejected:
            typer.echo(f"{feeder.rejected:,} lines were refused by InfluxDB; they are in the table series_reject")


@series.command()
def reconcile(
    *,
    config: Config,
    every_point: Annotated[
        bool, typer.Option("--every-point", help="Compare each point, also where all sums of a window's day agree.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare the series with the ledger, name every point that is missing, altered or foreign, and put it right.

    The city may run. What InfluxDB refused before is tried again. Exit code 0 when everything was equal, 1 when
    something was not (run it again to see that it is now), 2 where settings are wrong or the ledger is empty, 3 where
    InfluxDB or the database does not answer.
    """
    from cli.progress import telling
    from cloud.calendar import Calendar
    from cloud.series.opening import influx_of
    from cloud.series.reconcile import Reconciler

    named: list[tuple[str, str]] = []

    def name(kind: str, point: str) -> None:
        if len(named) < NAMED:
            named.append((kind, point))

    async def run() -> "Account":
        async with opened(settings) as database, server as influx:
            calendar = Calendar(settings.zone)
            reconciler = Reconciler(database, influx, calendar=calendar, now=wall_ms, tell=tell, name=name)
            return await reconciler.run(every_point=every_point)

    with explained(away=3):
        settings = _settings(config)
        server = influx_of(settings.series)
        with telling() as tell:
            account = asyncio.run(run())
    _told(account, named, as_json=as_json)
    if not account.equal:
        raise typer.Exit(1)


def _told(account: "Account", named: list[tuple[str, str]], *, as_json: bool) -> None:
    import msgspec

    if as_json:
        points = [f"{kind} {point}" for kind, point in named]
        typer.echo(json.dumps({**msgspec.to_builtins(account), "equal": account.equal, "named": points}))
        return
    for kind, point in named:
        typer.echo(f"{kind}  {point}")
    for what, found in (("ratings", account.ratings), ("sums by hour and day", account.sums)):
        if total := found.missing + found.altered + found.foreign:
            typer.echo(
                f"{total:,} {what} differed: {found.missing:,} missing, {found.altered:,} altered, "
                f"{found.foreign:,} foreign"
            )
    if account.refused:
        typer.echo(
            f"{account.refused:,} of these InfluxDB refuses, and they are not in the series; the table series_reject "
            "says why"
        )
    elif not account.equal:
        typer.echo("all of it was put right")
    if account.equal:
        typer.echo(f"equal up to ledger position {account.position:,}, {account.cells:,} sums compared")


def _settings(config: Path) -> "Settings":
    from cloud.settings import read
    from contract.errors import SettingsError

    settings = read(config)
    if settings.series.kind != "influx":
        raise SettingsError(
            f'{config}: series.kind: is "{settings.series.kind}"; only "influx" has anything to do here'
        )
    return settings
