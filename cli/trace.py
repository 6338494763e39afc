"""`manyi trace`: where one rating is, and when it passed each step."""

import asyncio
import tomllib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from cli.exits import explained
from contract.errors import Refused, SettingsError, StoreDamaged, StoreFull
from contract.identity import EPOCH, check_node

if TYPE_CHECKING:
    from cloud.trace.facts import Facts, Kept
    from cloud.trace.rules import Way

Node = Annotated[str, typer.Argument(metavar="NODE", help="The node, e.g. 371721121-a1.")]
Number = Annotated[int, typer.Argument(metavar="SEQ", min=1, help="The rating's number.")]
Configs = Annotated[
    list[Path] | None, typer.Option("--config", metavar="FILE", help="The TOML file of the city, a gateway or a node.")
]
Logs = Annotated[list[Path] | None, typer.Option("--log", metavar="FILE", help="What a house wrote with log = json.")]


def trace(
    node: Node,
    number: Number,
    *,
    config: Configs = None,
    log: Logs = None,
    epoch: Annotated[str | None, typer.Option(help="Only this run of the node's process.")] = None,
    zone: Annotated[str, typer.Option(help="The time zone of what is shown.")] = "Asia/Shanghai",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Tell where a rating is and when it passed each step, from whatever it is given: settings files and logs.

    Several of each together give the whole way. Stores are only read, also while the houses run. Without --epoch every
    epoch that has the number is told of, the newest first. Exit code 1 where no trace of it was found, 2 where a name
    or a file cannot be used.
    """
    import msgspec

    from cloud.trace.rules import ways

    with explained():
        if not config and not log:
            raise SettingsError("trace: name at least one --config FILE or --log FILE to look into")
        shown_in = _checked(node, epoch, zone)
        facts = asyncio.run(gather(node, number, config or [], log or []))
        found = ways(node, number, facts, epoch=epoch)
    if as_json:
        typer.echo(msgspec.json.encode({"node": node, "number": number, "ways": found}).decode())
    else:
        _show(found, shown_in)
    if found[0].place in {"unknown", "never given"}:
        raise typer.Exit(1)


def _checked(node: str, epoch: str | None, zone: str) -> ZoneInfo:
    """Return the time zone called `zone`; a name that nobody can have is an error, not something unknown."""
    try:
        check_node(node)
    except Refused as bad:
        raise SettingsError(f"trace: {bad.detail}") from bad
    if epoch is not None and not EPOCH.fullmatch(epoch):
        raise SettingsError(f"trace: epoch {epoch!r}: expected ten letters, digits, - or _, e.g. q7Zk2wX0aB")
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as bad:
        raise SettingsError(f"trace: zone {zone!r}: expected an IANA name, e.g. Asia/Shanghai") from bad


async def gather(node: str, number: int, configs: Sequence[Path], logs: Sequence[Path]) -> "Facts":
    """Return what the stores behind `configs` and the `logs` tell of `number` of `node`; raises `SettingsError`."""
    from cloud.database import reading
    from cloud.settings import read as read_city
    from cloud.trace.facts import Facts
    from cloud.trace.lines import steps_of
    from cloud.trace.store import look

    kept = []
    city = Facts()
    for file in configs:
        house = _house(file)
        if house == "city":
            settings = read_city(file)
            async with reading(settings.database, password_file=settings.database_password_file) as connection:
                city = await look(connection, node, number)
        else:
            kept += list(_kept(house, file, node, number))
    said = [step for log in logs for step in steps_of(node, number, _lines(log))]
    return city._replace(kept=kept, said=said)


def _house(file: Path) -> str:
    """Tell whose settings file it is, by the keys that only one house has."""
    try:
        keys = tomllib.loads(file.read_text(encoding="utf-8")).keys()
    except (OSError, ValueError) as bad:
        raise SettingsError(f"{file}: cannot be read: {bad}") from bad
    for key, house in (("database", "city"), ("township", "gateway"), ("node", "edge")):
        if key in keys:
            return house
    raise SettingsError(f"{file}: neither a city's (key database), a gateway's (township) nor a node's (node) file")


def _kept(house: str, file: Path, node: str, number: int) -> Iterator["Kept"]:
    from cloud.trace.facts import Kept
    from transport.whereabouts import find

    by, store = _store_of(house, file)
    if house == "edge" and by != node:
        raise SettingsError(f"{file}: it is of node {by}, not of {node}")
    try:
        for found in find(store, node, number, numbers=house == "edge"):
            yield Kept(by, "edge" if house == "edge" else "gateway", *found)
    except (StoreFull, StoreDamaged) as bad:
        raise SettingsError(f"{file}: the store cannot be read: {bad}") from bad


def _store_of(house: str, file: Path) -> tuple[str, Path]:
    """Return whose store it is, and where."""
    if house == "edge":
        from edge.settings import read as read_edge

        edge = read_edge(file)
        return edge.node, Path(edge.store)
    from gateway.__main__ import read as read_gateway

    gateway = read_gateway(file)
    return gateway.node, Path(gateway.store)


def _lines(log: Path) -> Iterator[bytes]:
    try:
        with log.open("rb") as lines:
            yield from lines
    except OSError as bad:
        raise SettingsError(f"{log}: cannot be read: {bad}") from bad


def _show(found: Sequence["Way"], zone: ZoneInfo) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=True)
    for way in found:
        where = f"{way.place}: {way.at}" if way.at else way.place
        since = f", since {_moment(way.since, zone)}" if way.since is not None else ""
        console.print(f"{way.node} number {way.number} of epoch {way.epoch or '?'}", highlight=False)
        console.print(f"  {where}{since}", highlight=False)
        if way.batch is not None:
            console.print(f"  batch {way.batch}", highlight=False)
        if way.steps:
            table = Table()
            for heading in ("step", f"at ({zone.key})", "by", "source", "detail"):
                table.add_column(heading, no_wrap=heading != "detail")
            for step in way.steps:
                at = "" if step.at is None else _moment(step.at, zone)
                table.add_row(step.step, at, step.who, step.source, step.detail)
            console.print(table)


def _moment(at: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at / 1000, zone).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
