"""`manyi held`: ratings that stand in the ledger uncounted, and what somebody decides about them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.city import opened
from cli.exits import explained
from contract.errors import SettingsError

if TYPE_CHECKING:
    from cloud.held.rules import Row, Ruling
    from cloud.settings import Settings

held = typer.Typer(help="Ratings that stand in the ledger uncounted, and decisions on them.", no_args_is_help=True)

Config = Annotated[Path, typer.Option("--config", metavar="FILE", help="The city's TOML file.")]
Positions = Annotated[
    list[int], typer.Argument(metavar="POSITION...", min=1, help="Ledger entries, with all they hold.")
]
By = Annotated[str, typer.Option("--by", help="Who decides; it is kept in the ledger.")]
Why = Annotated[str, typer.Option("--why", help="The reason; it is kept in the ledger.")]
_EVER = 1 << 53


@held.command("list")
def list_(
    *, config: Config, as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False
) -> None:
    """Tell which ratings are held uncounted, why, and when they say that they were pressed; the first 5,000."""
    import msgspec

    from cloud.settings import read

    with explained():
        settings = read(config)
        found = asyncio.run(_rows(settings, 0, _EVER))
    if as_json:
        typer.echo(msgspec.json.encode({"held": [row._asdict() for row in found]}).decode())
    else:
        _show(found, settings.zone)


@held.command()
def admit(positions: Positions, *, config: Config, by: By, why: Why) -> None:
    """Let ratings count that were held as of the future, once their moment has come: the city's clock was behind.

    Not where it was their own clock that was ahead: they would count at a time at which nobody pressed. The city may
    run meanwhile.
    """
    _rule("admit", positions, config, by, why)


@held.command()
def refuse(positions: Positions, *, config: Config, by: By, why: Why) -> None:
    """Say that held ratings will never count. They stay in the ledger, and the wall does not count them as waiting."""
    _rule("refuse", positions, config, by, why)


def _rule(ruling: "Ruling", positions: Sequence[int], config: Path, by: str, why: str) -> None:
    from cloud.settings import read

    with explained():
        for name, text in (("--by", by), ("--why", why)):
            if not text.strip():
                raise SettingsError(f"{name}: it must not be empty, since it is kept in the ledger")
        entry, count = asyncio.run(_ruled(ruling, positions, read(config), by, why))
    done = "count now" if ruling == "admit" else "will never count"
    typer.echo(f"{count} ratings {done}, by ledger position {entry}")


async def _rows(settings: "Settings", low: int, high: int) -> "list[Row]":
    from cloud.database import reading
    from cloud.held import store

    async with reading(settings.database, password_file=settings.database_password_file) as connection:
        return await store.rows(connection, low, high)


async def _ruled(
    ruling: "Ruling", positions: Sequence[int], settings: "Settings", by: str, why: str
) -> tuple[int, int]:
    from cloud.calendar import Calendar
    from cloud.held import store
    from cloud.held.rules import objection
    from cloud.registry.worker import RegistryHolder
    from transport.boot import wall_ms

    rows = [row for position in sorted(set(positions)) for row in await _rows(settings, position, position)]
    if not rows:
        raise SettingsError(f"held: nothing waits for a decision at position {', '.join(map(str, positions))}")
    async with opened(settings) as database:
        holder = RegistryHolder(database.reader, now=wall_ms)
        await holder.refresh()
        has_window, now, future_ms = holder.current.has_window, wall_ms(), settings.future_s * 1000
        for row in rows:
            against = objection(ruling, row, has_window, now=now, future_ms=future_ms)
            if against is not None:
                raise SettingsError(f"held: {against}")
        calendar = Calendar(settings.zone)
        return await store.rule(database, ruling, rows, by=by, why=why, at=now, calendar=calendar)


def _show(found: "Sequence[Row]", zone: str) -> None:
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from rich.console import Console
    from rich.table import Table

    table = Table("position", "row", "reason", "window", "pressed, it says")
    for row in found:
        pressed = datetime.fromtimestamp(row.at / 1000, UTC).astimezone(ZoneInfo(zone)).isoformat(" ", "seconds")
        table.add_row(str(row.position), str(row.row), row.reason.value, row.window, pressed)
    Console(soft_wrap=True).print(table if found else "nothing is held")
