"""`manyi sim`: what only a simulation can show."""

import asyncio
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


@sim.command("lay")
def lay_out_containers(
    folder: Annotated[Path, typer.Argument(help="Empty; the volume that all containers share.")],
    *,
    windows: Annotated[int, typer.Option(min=4, help="Three buttons each.")] = 24,
    townships: Annotated[int, typer.Option(min=1, help="As many as compose.demo.yml has.")] = 2,
    seed: Annotated[int, typer.Option(help="The same seed lays out the same city.")] = 1,
    per_s: Annotated[float, typer.Option(min=0.1, help="Visits a second in all.")] = 3.0,
) -> None:
    """Lay out a city for docker/compose.demo.yml, which calls this itself."""
    from firmware_sim.containers import lay

    try:
        keys = lay(folder, windows=windows, townships=townships, seed=seed, per_s=per_s)
    except (ValueError, OSError) as bad:
        typer.echo(f"{folder}: {bad}", err=True)
        raise typer.Exit(2) from bad
    typer.echo(f"the wall: /wall?key={keys.wall}  from 8 m: /far?key={keys.wall}")


@sim.command("judge")
def judge_containers(
    folder: Annotated[Path, typer.Argument(help="Where the city was laid out.")],
    *,
    city: Annotated[str, typer.Option(help="The address of its pages.")] = "http://127.0.0.1:8000",
    within_s: Annotated[float, typer.Option("--within", min=0, help="Seconds for what is on its way.")] = 60,
) -> None:
    """Say whether each lit choice of a city in containers is in its ledger once; exit code 0 only if all are."""
    import sqlite3

    from contract.errors import SettingsError
    from firmware_sim.containers import judge

    try:
        evidence = asyncio.run(judge(folder, city, within_s=within_s))
    except (OSError, sqlite3.Error, SettingsError) as bad:
        typer.echo(f"{folder}: cannot be judged: {bad}", err=True)
        raise typer.Exit(2) from bad
    typer.echo(str(evidence))
    raise typer.Exit(0 if evidence.clean and evidence.verdict.settled > 0 else 1)
