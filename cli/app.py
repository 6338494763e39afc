"""What `manyi` itself offers, beside the houses: the city in a box, and the care of a running one."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cli import backup as backups
from cli import trace as tracing
from cli.db import db as databases
from cli.held import held
from cli.misuse import misuse
from cli.people import people
from cli.pki import pki
from cli.publish import publish
from cli.seal import seal
from cli.series import series
from cli.sim import sim
from contract.version import __version__

app = typer.Typer(
    help="Manyi (满意): three buttons at a service window, one number the city can trust.\n\n"
    "Beside these there are the houses, `manyi edge`, `manyi gateway`, `manyi cloud`, and what an outsider does with a "
    "ledger, `manyi score`, `manyi audit`, `manyi prove`, `manyi verify`, `manyi visits`: each has its own --help.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(databases, name="db")
app.add_typer(held, name="held")
app.add_typer(series, name="series")
app.add_typer(misuse, name="misuse")
app.add_typer(pki, name="pki")
app.add_typer(people, name="people")
app.add_typer(sim, name="sim")
app.command()(backups.backup)
app.command()(backups.restore)
app.command()(tracing.trace)
app.command()(seal)
app.command()(publish)


def _version(wanted: bool) -> None:  # noqa: FBT001  (typer calls it with one value)
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _manyi(
    *, version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say it.")] = False
) -> None: ...


@app.command()
def demo(
    *,
    windows: Annotated[int, typer.Option(min=1, max=2000, help="Service windows, spread over townships.")] = 300,
    townships: Annotated[int | None, typer.Option(min=1, help="How many have windows; 30 from 300 windows on.")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="Stop after so long; by default Ctrl-C does.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The wall's port, 0 for any; 8000.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same city and the same people.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="End with one JSON object on the last line.")] = False,
    keep: Annotated[Path | None, typer.Option(help="Keep all files in this new folder.")] = None,
    series: Annotated[
        Literal["embedded", "influx"], typer.Option(help="Where trends come from; influx starts an InfluxDB.")
    ] = "embedded",
    db: Annotated[
        Literal["sqlite", "postgres"], typer.Option(help="Where the ledger is; postgres starts a PostgreSQL.")
    ] = "sqlite",
) -> None:
    """Run the whole city on this machine: broker, gateways, cloud and people who press buttons.

    Exit code 0 only if every choice whose light came on is in the ledger once, with its time, and on the wall.
    """
    from firmware_sim.demo import run
    from firmware_sim.options import Options

    options = Options(
        windows, townships, seconds=seconds, port=port, seed=seed, as_json=as_json, keep=keep, series=series, db=db
    )
    raise typer.Exit(run(options))
