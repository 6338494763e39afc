"""`manyi publish`: a period's report, frozen under the city's signature; first for appeals, then for good."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.city import opened
from cli.exits import explained
from contract.errors import SettingsError

if TYPE_CHECKING:
    from cloud.reports.publishing import Wish
    from cloud.settings import Settings
    from proof.edition import Published
    from proof.report import Report


def publish(
    *,
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="The city's TOML file.")],
    period: Annotated[str, typer.Option(help="2026, 2026H2, 2026Q4, 2026-11, 2026W47 or 2026-11-27.")],
    policy: Annotated[str, typer.Option(help="guarded, plain, or a policy of your own in a TOML file.")] = "guarded",
    assessment: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A code and a score a row (.csv or .xlsx).")
    ] = None,
    final: Annotated[bool, typer.Option("--final", help="For good, once the time for appeals is over.")] = False,
    appeal_days: Annotated[int, typer.Option(min=1, max=365, help="For so long it may be appealed against.")] = 7,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The table too (.csv or .xlsx).")] = None,
    language: Annotated[Literal["zh", "en"], typer.Option(help="Of the table.")] = "zh",
) -> None:
    """Publish the report of a period that is over: an edition for appeals, and after them, with --final, the last.

    An edition is an entry of the ledger, with its policy, the ledger position that it was made at, every figure, and
    the city's signature. What comes later changes the next edition, and none that is out. `/api/reports` hands it
    out, `manyi verify` checks it, `manyi audit` compares it with the ledger.
    """
    from cloud.reports.publishing import Wish
    from cloud.settings import read
    from proof import policy as policies
    from proof import spreadsheet
    from proof.assessment import assessments
    from proof.period import asked
    from proof.score import write

    with explained():
        if out is not None:
            spreadsheet.check(out)
            if assessment is not None and out.resolve() == assessment.resolve():
                raise SettingsError(f"{out}: the report would take the place of the assessments")
        rows = [] if assessment is None else spreadsheet.read(assessment)
        given = assessments(rows, str(assessment))
        wish = Wish(asked(period), policies.named(policy), given, str(assessment), final, appeal_days)
        published, report = asyncio.run(_published(read(config), wish))
        if out is not None:
            write(report, out, language)
    told = published.edition
    typer.echo(
        f"edition {told.number} of {told.period} is published, {told.stage}: {len(told.lines):,} units, ledger up to "
        f"position {told.position:,}"
    )


async def _published(settings: "Settings", wish: "Wish") -> "tuple[Published, Report]":
    from cloud.reports.publishing import publish as put
    from transport.boot import wall_ms
    from transport.keys import read_key

    signer = read_key(Path(settings.key))
    async with opened(settings) as database:
        return await put(database, signer, wish, zone=settings.zone, at=wall_ms())
