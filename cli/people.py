"""`manyi people`: who may come in at the city, and by which keys walls and programs do."""

import asyncio
import secrets
from pathlib import Path
from typing import Annotated

import typer

from cli.city import opened
from cli.exits import explained
from contract.errors import SettingsError
from transport.boot import wall_ms

people = typer.Typer(help="Who may come in at the city.", no_args_is_help=True)

Config = Annotated[Path, typer.Option("--config", metavar="FILE", help="The city's TOML file.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits, and . _ - between them.")]
RoleName = Annotated[
    str, typer.Option("--role", metavar="ROLE", help="clerk, township, supervisor, operator, auditor, admin or wall.")
]
Place = Annotated[
    str, typer.Option("--place", metavar="PLACE", help="A clerk's window, a township, a supervisor's county; or city.")
]
# Typed by whoever sits at the city's machine; the log of changes says so.
AT_THE_MACHINE = "machine"


@people.command()
def invite(
    name: Name,
    *,
    config: Config,
    role: RoleName,
    place: Place = "city",
    called: Annotated[str, typer.Option("--called", metavar="TEXT", help="The person's own name.")] = "",
    person: Annotated[str, typer.Option("--person", metavar="CODE", help="Their code on the duty roster.")] = "",
    mail: Annotated[str, typer.Option("--mail", metavar="MAILBOX", help="Where notices go.")] = "",
) -> None:
    """Make an account, or change it, and print the one-time link by which its holder sets a password."""
    from cloud.people import inviting
    from cloud.people.accounts import Holder
    from cloud.people.rules import mailbox_of, person_of
    from cloud.settings import read

    async def put() -> str:
        async with opened(read(config)) as database, database.writer.begin() as connection:
            return await inviting.invite(
                connection,
                person_of(name, role, place),
                Holder(called or name, person or None, mailbox_of(mail)),
                now=wall_ms(),
                random_bits=secrets.randbits,
                by=AT_THE_MACHINE,
            )

    with explained():
        link = asyncio.run(put())
    typer.echo(f"/welcome?link={link}")


@people.command()
def token(name: Name, *, config: Config, role: RoleName, place: Place = "city") -> None:
    """Make a key for a wall or a program, and print it; the city keeps only its digest."""
    from cloud.people.rules import person_of
    from cloud.people.secret import digest, fresh
    from cloud.people.tokens import add
    from cloud.settings import read

    async def put() -> str:
        key = fresh(secrets.randbits)
        async with opened(read(config)) as database, database.writer.begin() as connection:
            await add(connection, person_of(name, role, place), digest(key), wall_ms(), by=AT_THE_MACHINE)
        return key

    with explained():
        typer.echo(asyncio.run(put()))


@people.command("end-token")
def end_token(name: Name, *, config: Config) -> None:
    """End a key: whoever still has it is refused within seconds, also where a wall is open."""
    from cloud.changes.store import note
    from cloud.people.sessions import end_token, known_token
    from cloud.settings import read

    async def put() -> None:
        async with opened(read(config)) as database, database.writer.begin() as connection:
            if await known_token(connection, name) is None:
                raise SettingsError(f"there is no token {name}")
            await end_token(connection, name, wall_ms())
            await note(connection, wall_ms(), AT_THE_MACHINE, "end-key", name, "city")

    with explained():
        asyncio.run(put())
    typer.echo(f"{name} has ended")
