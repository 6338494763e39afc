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


@sim.command("quarters")
def judge_quarters(
    *,
    seed: Annotated[int, typer.Option(help="The same seed draws the same city and the same quarters.")] = 1,
    quarters: Annotated[int, typer.Option("--quarters", min=500, help="How many quarters; fewer tell nothing.")] = 1000,
    windows: Annotated[int, typer.Option(min=500, help="In the townships of the city's own table.")] = 10_000,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Draw many quarters of a city whose truth is known, and see whom the policy `guarded` penalises.

    Exit code 0 only if no window, township or county at or above the target was penalised in more than 2.5 % of them.
    """
    from cli.progress import telling
    from firmware_sim.box import township_codes
    from firmware_sim.quarters import play
    from proof.policy import shipped

    with telling() as tell:
        outcome = play(
            township_codes(), windows, quarters, seed, shipped("guarded"), lambda done: tell("draw", done, quarters)
        )
    typer.echo(outcome.as_json() if as_json else "\n".join(outcome.lines()))
    raise typer.Exit(0 if outcome.kept else 1)
