"""`manyi sim`: what only a simulation can show."""

from pathlib import Path
from typing import Annotated

import typer

sim = typer.Typer(help="Simulations on this machine.", no_args_is_help=True)


@sim.callback()
def _sim() -> None: ...


@sim.command()
def faults(
    *,
    seed: Annotated[int, typer.Option(help="The same seed strikes with the same faults in the same order.")] = 1,
    minutes: Annotated[float, typer.Option(min=0.1, help="How long faults go on; the end takes a little longer.")] = 5,
    only: Annotated[list[str] | None, typer.Option(help="Only this kind of fault; may be given again.")] = None,
    breach: Annotated[str | None, typer.Option("--break", help="Break this law on purpose, and end with 1.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="End with one JSON object on the last line.")] = False,
    keep: Annotated[Path | None, typer.Option(help="Keep all files in this new folder.")] = None,
) -> None:
    """Strike a city with faults under load: real processes, real mosquitto, a proxy of our own on every line.

    Exit code 0 only if every fault had an effect that was seen, and each lit choice is in the ledger once, in its time.
    """
    from firmware_sim.faults.run import Options, run

    raise typer.Exit(run(Options(seed, minutes, as_json, tuple(only or ()), breach, keep)))
