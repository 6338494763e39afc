"""What copies and recounts found, for people or as JSON on stdout, and the exit code that follows."""

import json

import typer

from cloud.copy.move import Moved
from cloud.recount.recount import Account

# Tallies are not repaired by such a ledger: of what it lost only they still tell.
DAMAGED = (
    "this ledger is damaged: keep it, and restore the last backup into another database; nodes and gateways send again "
    "what they still have"
)


def moved(done: Moved, *, as_json: bool) -> None:
    """Tell of a copy; exit code 1 unless everything agrees."""
    copied, account = done
    if as_json:
        told = {
            "rows": sum(copied.rows.values()),
            "fresh": copied.fresh,
            "tables": dict(copied.rows),
            "disagreements": list(copied.disagreements),
            "recount": None if account is None else _figures(account),
        }
        typer.echo(json.dumps(told))
    else:
        rows = sum(copied.rows.values())
        typer.echo(f"{rows:,} rows in {len(copied.rows)} tables, {copied.fresh:,} of them copied now")
        for line in copied.disagreements:
            typer.echo(line)
        if account is not None:
            typer.echo("verified: source and copy have the same rows in every table, by count and digest")
            _tell(account)
    if account is None or not account.equal:
        raise typer.Exit(1)


def recounted(account: Account, before: Account | None, *, as_json: bool) -> None:
    """Tell of a recount, and of what it found `before` a repair; exit code 1 unless every tally is equal now."""
    if as_json:
        told = _figures(account)
        if before is not None:
            told["repaired"] = {} if before.damaged else dict(before.differing)
        typer.echo(json.dumps(told))
    else:
        if before is not None and not before.equal and not before.damaged:
            _tell(before)
            typer.echo("repaired; counted again:")
        _tell(account)
    if not account.equal:
        raise typer.Exit(1)


def _figures(account: Account) -> dict[str, object]:
    return {
        "counted": account.counted,
        "gapless": account.gapless,
        "unreadable": account.unreadable,
        "equal": account.equal,
        "differing": dict(account.differing),
        "lines": list(account.lines),
    }


def _tell(account: Account) -> None:
    for line in account.lines:
        typer.echo(line)
    for tally, number in account.differing.items():
        if number:
            typer.echo(f"{tally}: {number:,} cells differ")
    typer.echo(f"ledger positions: {'without a gap' if account.gapless else 'NOT from 1 to the head without a gap'}")
    if account.unreadable:
        typer.echo(f"ledger entries that cannot be read: {account.unreadable:,}")
    ratings = f"{account.counted:,} ratings"
    if account.damaged:
        typer.echo(f"{ratings}; {DAMAGED}")
    elif any(account.differing.values()):
        typer.echo(f"{ratings}; tallies do not follow from the ledger: `manyi db recount --repair` sets them right")
    else:
        typer.echo(f"{ratings}; every tally follows from the ledger")
