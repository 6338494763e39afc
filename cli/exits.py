"""How a command ends when it cannot do what it was asked: one line on stderr and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from contract.errors import SettingsError, Unavailable


@contextmanager
def explained(*, away: int = 1) -> Iterator[None]:
    """End with 2 on a `SettingsError`, where something must be put right first, and with `away` on `Unavailable`."""
    try:
        yield
    except (SettingsError, Unavailable) as bad:
        typer.echo(bad, err=True)
        raise typer.Exit(2 if isinstance(bad, SettingsError) else away) from bad
