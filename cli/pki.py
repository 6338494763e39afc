"""`manyi pki`: the city's certificate authority, in a folder that needs no city and no network."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.city import opened
from cli.exits import explained
from transport.boot import wall_ms

if TYPE_CHECKING:
    from cloud.pki.rules import Issued, State

pki = typer.Typer(help="The city's certificates: who may call itself what at a broker.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The CA's folder.")]


@pki.command()
def init(folder: Folder) -> None:
    """Found the CA in a new folder. Keep it off the network and copy it: with its key anybody can be anybody."""
    from cloud.pki.authority import Authority

    with explained():
        made = Authority.found(folder, wall_ms())
    typer.echo(f"a CA in {folder}; devices and brokers trust its ca.pem, SHA-256 {made.fingerprint}")


@pki.command()
def issue(
    folder: Folder,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A node, a township for its gateway, or `city`.")],
    *,
    key: Annotated[str, typer.Option("--key", metavar="PUBLICKEY", help="What `keygen` printed on the device.")],
) -> None:
    """Certify that a device's key is its own, and print the certificate; it runs two years."""
    from cloud.pki.authority import Authority

    with explained():
        typer.echo(Authority.open(folder).issue(name, key, wall_ms()), nl=False)


@pki.command()
def invite(
    folder: Folder,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A node, or a township for its gateway.")],
    *,
    days: Annotated[int, typer.Option(min=1, max=90, help="Until when it may be used.")] = 7,
) -> None:
    """Print an invitation by which a device enrols by itself, once: `manyi edge enrol`. Whoever has it can be NAME."""
    from cloud.pki.invitations import Invitations
    from cloud.pki.rules import DAY_MS

    with explained():
        typer.echo(Invitations(folder).invite(name, wall_ms() + days * DAY_MS).text)


@pki.command()
def broker(
    folder: Folder,
    place: Annotated[str, typer.Argument(metavar="PLACE", help="`city`, or a township by its 9 digits.")],
    *,
    host: Annotated[list[str], typer.Option("--host", metavar="NAME", help="How clients call it; may be repeated.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where to write it; what is there is renewed.")],
    at: Annotated[
        Path | None, typer.Option("--at", metavar="PATH", help="Where FOLDER will be on the broker's own machine.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The broker's port.")] = 8883,
) -> None:
    """Make a broker's key and certificate, access list and mosquitto.conf: `mosquitto -c FOLDER/mosquitto.conf`."""
    from cloud.pki.authority import Authority
    from cloud.pki.broker import furnish

    with explained():
        furnish(Authority.open(folder), place, host, out, port=port, at=wall_ms(), lives=at)
    typer.echo(
        f"mosquitto -c {(at or out.resolve()) / 'mosquitto.conf'}; broker.key is for the user that runs it alone"
    )


@pki.command()
def revoke(
    folder: Folder,
    wanted: Annotated[str, typer.Argument(metavar="NAME|SERIAL", help="All certificates of a name, or one of them.")],
    *,
    reason: Annotated[Literal["stolen", "replaced", "retired"], typer.Option(help="It stands on the list.")],
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="The city's TOML file: its registry learns it too."),
    ] = None,
) -> None:
    """Put certificates on the revocation list. It counts where the list is: copy it to all brokers and restart them.

    With --config their keys end in the city's registry too: it counts nothing that they sign of later.
    """
    from cloud.pki.authority import Authority
    from contract.signing import key_text

    with explained():
        authority = Authority.open(folder)
        fresh = authority.revoke(wanted, reason, wall_ms())
    for one in fresh:
        typer.echo(f"revoked {one.name} {one.serial}")
    if not fresh:
        typer.echo("nothing new: it was revoked already")
    typer.echo(f"now copy {folder / 'crl.pem'} into the folder of every broker, and restart those (no reload)")
    if config is None:
        return
    with explained():
        # Those that were on the list already may not have ended there.
        meant = [one for one in authority.issued() if wanted.lower() in {one.name, one.serial}]
        ended = asyncio.run(_end(config, {key_text(one.key) for one in meant}, authority.revocations))
    for node in ended:
        typer.echo(f"ended the key of {node} in the registry")
    if not ended:
        typer.echo("ended no key in the registry: these are not in it, or had ended before")


async def _end(config: Path, keys: Iterable[str], revoked: bytes) -> list[str]:
    from cloud.registry.load import end_keys
    from cloud.settings import read

    async with opened(read(config)) as database:
        return await end_keys(database.writer, keys, revoked, wall_ms())


@pki.command("list")
def list_(
    folder: Folder,
    *,
    due: Annotated[
        bool, typer.Option("--due", help="Only the newest of each name that wants renewal or is over.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Tell every certificate issued, until when it runs, and how it is: valid, renew, expired or revoked.

    With --due exit code 1 where there is one: a timer's job, since nothing else warns of a broker's.
    """
    from cloud.pki.authority import Authority

    now = wall_ms()
    with explained():
        authority = Authority.open(folder)
        revoked = authority.revoked()
        issued = sorted(authority.issued(), key=lambda one: one.until) if due else authority.issued()
        shown = {one.name: one for one in issued}.values() if due else issued
        found = [(one, one.state(now, revoked)) for one in shown]
    if due:
        found = [(one, state) for one, state in found if state in {"renew", "expired"}]
    if as_json:
        told = [{"name": one.name, "serial": one.serial, "until": one.until, "state": state} for one, state in found]
        typer.echo(json.dumps({"certificates": told}))
    else:
        _show(found, "no certificate is due" if due else "no certificate was issued yet")
    if due and found:
        raise typer.Exit(1)


def _show(found: "list[tuple[Issued, State]]", nothing: str) -> None:
    from datetime import UTC, datetime

    from rich.console import Console
    from rich.table import Column, Table

    table = Table("name", Column("serial", overflow="fold"), "until", "state", box=None)
    for one, state in found:
        table.add_row(one.name, one.serial, datetime.fromtimestamp(one.until / 1000, UTC).date().isoformat(), state)
    Console(soft_wrap=True).print(table if found else nothing)
