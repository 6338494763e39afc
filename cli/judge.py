"""`manyi misuse list`, `judge`, `cosign` and `file`: how two auditors decide about a flag."""

import asyncio
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli import city
from cli.exits import explained
from contract.errors import SettingsError

if TYPE_CHECKING:
    from cloud.misuse.rules import Flag
    from cloud.settings import Settings
    from contract.signing import Signer
    from proof.judgement import Filed, Verdict

_PLACE = re.compile(r"city|[0-9]{6}|[0-9]{9}|[0-9]{9}-[a-z0-9]{1,16}/[a-z0-9]{1,8}")
Config = Annotated[Path, typer.Option("--config", metavar="FILE", help="The city's TOML file.")]
Key = Annotated[Path, typer.Option("--key", metavar="FILE", help="Your own private key.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="As whom you are registered.")]
Judged = Annotated[Path, typer.Argument(metavar="FILE", help="What `manyi misuse judge` wrote.")]


def keygen(file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist yet.")]) -> None:
    """Make an auditor's private key, and print the public one, which `manyi cloud register` takes."""
    from transport.keys import new_key

    with explained():
        typer.echo(new_key(file))


def list_(
    *,
    config: Config,
    day: Annotated[str, typer.Option(help="Whose flags, such as 2026-11-18.")],
    place: Annotated[str, typer.Option(help="city, a county, a township or a window.")] = "city",
) -> None:
    """Tell the flags of a day, what each is called by, and what auditors decided about it."""
    from cli.judged import outline
    from cloud.settings import read

    with explained():
        settings = read(config)
        _check(day, place)
        for flag, newest in asyncio.run(_listed(settings, day, place)):
            typer.echo(outline(flag, newest, settings.zone))


def judge(
    flag: Annotated[str, typer.Argument(metavar="FLAG", help="Its name by `manyi misuse list`.")],
    *,
    config: Config,
    verdict: Annotated[Literal["upheld", "dismissed"], typer.Option(help="Whether it is misuse.")],
    why: Annotated[str, typer.Option(help="The reason; it is kept in the ledger.")],
    key: Key,
    by: By,
    out: Annotated[Path, typer.Option(metavar="FILE", help="For the second auditor.")],
) -> None:
    """Judge a flag and sign that first. It counts when a second auditor has signed it too and it is filed."""
    from cli.judged import shown
    from cloud.settings import read
    from proof.judgement import WHY_LETTERS
    from transport.keys import read_key

    with explained():
        if not why.strip():
            raise SettingsError("--why: it must not be empty, since it is kept in the ledger")
        if len(why) > WHY_LETTERS:
            raise SettingsError(f"--why: it has {len(why):,} letters; at most {WHY_LETTERS:,} are allowed")
        if out.exists():
            raise SettingsError(f"{out}: there is a file already")
        settings = read(config)
        one = asyncio.run(_judged(settings, flag, verdict, why, by, read_key(key)))
        _write(out, one)
    typer.echo(shown(one, settings.zone))
    typer.echo(f"signed by {by}, in {out}; another auditor signs it by: manyi misuse cosign {out} --key FILE --by NAME")


def cosign(
    file: Judged,
    *,
    key: Key,
    by: By,
    zone: Annotated[str, typer.Option(help="The time zone to tell times in.")] = "Asia/Shanghai",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether to sign.")] = False,
) -> None:
    """Show what another auditor judged, when and where and by which figures, and sign it too."""
    from cli.judged import shown
    from proof.judgement import AUDITOR, cosigned
    from transport.keys import read_key

    with explained():
        if not AUDITOR.fullmatch(by):
            raise SettingsError(f"--by {by}: expected a name such as wang: a-z, 0-9 and -, at most 32")
        one, signer = _read(file), read_key(key)
        if len(one.signatures) != 1 or by in one.names:
            raise SettingsError(f"{file}: signed by {', '.join(one.names)}: it takes two different auditors")
        typer.echo(shown(one, zone))
        if not yes:
            typer.confirm("sign it?", abort=True)
        _write(file, cosigned(one, by, signer))
    typer.echo(f"signed by {one.names[0]} and {by}; it is filed by: manyi misuse file {file} --config FILE")


def file_(file: Judged, *, config: Config) -> None:
    """Enter in the ledger what two auditors signed. From then on reports are without what is upheld."""
    from cloud.settings import read

    with explained():
        one = _read(file)
        position, fewer = asyncio.run(_filed(read(config), one))
    told = f"{one.judgement.verdict}, by ledger position {position}"
    typer.echo(f"{told}: {abs(fewer):,} ratings {'count again' if fewer < 0 else 'fewer count'} in reports")


def _check(day: str, place: str) -> None:
    try:
        # It also reads other forms, by which no flag is kept.
        known = date.fromisoformat(day).isoformat() == day
    except ValueError:
        known = False
    if not known:
        raise SettingsError(f"--day {day}: expected a day such as 2026-11-18")
    if not _PLACE.fullmatch(place):
        raise SettingsError(f"--place {place}: expected city, 6 or 9 digits, or a window such as 371721121-a1/01")


async def _listed(settings: "Settings", day: str, place: str) -> "list[tuple[Flag, Filed | None]]":
    from cloud.judgements import looking

    async with city.opened(settings) as database, database.reader.connect() as connection:
        return await looking.of_day(connection, day, place)


async def _judged(settings: "Settings", name: str, verdict: "Verdict", why: str, by: str, signer: "Signer") -> "Filed":
    from cloud.calendar import Calendar
    from cloud.judgements import looking
    from cloud.judgements.rules import judgement_of
    from cloud.registry import auditors
    from contract.seal import NOTHING
    from contract.signing import public_key
    from proof.judgement import first_signed
    from transport.boot import wall_ms

    at = wall_ms()
    async with city.opened(settings) as database, database.reader.connect() as connection:
        known = await auditors.known(connection)
        flag, newest = await looking.named(connection, name, Calendar(settings.zone))
    if public_key(signer.public) not in {key.raw for key in known.get(by, ()) if key.holds(at)}:
        raise SettingsError(f"--by {by}: nobody is registered under this name with this key: `manyi cloud register`")
    prev = NOTHING if newest is None else newest.digest
    return first_signed(judgement_of(flag, verdict, why, at=at, prev=prev), by, signer)


async def _filed(settings: "Settings", one: "Filed") -> tuple[int, int]:
    from cloud.judgements.filing import file
    from transport.boot import wall_ms

    async with city.opened(settings) as database:
        return await file(database, one, at=wall_ms())


def _read(file: Path) -> "Filed":
    from contract.errors import Refused
    from proof.judgement import opened

    try:
        return opened(file.read_bytes().removesuffix(b"\n"))
    except OSError as bad:
        raise SettingsError(f"{file} cannot be read: {bad.strerror}") from bad
    except Refused as bad:
        raise SettingsError(f"{file}: {bad.detail}; `manyi misuse judge` writes one") from bad


def _write(file: Path, one: "Filed") -> None:
    try:
        file.write_bytes(one.raw + b"\n")
    except OSError as bad:
        raise SettingsError(f"{file} cannot be written: {bad.strerror}") from bad
