"""Publishing a period: its report as of the ledger's head, frozen as an entry of the ledger."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.appeals import store as appeals
from cloud.calendar import Calendar
from cloud.database import Database, fetch, unavailable
from cloud.ledger.store import Entry, enter
from cloud.reports import store
from cloud.reports.rules import check_decided, due
from cloud.visits import store as visits
from cloud.visits.worker import VisitFollower
from contract.errors import SettingsError
from contract.identity import BUTTON
from contract.signing import Signer
from proof.edition import Published, edition_of, encoded, number_after, opened, silent
from proof.given import Given
from proof.ledger import HEAD
from proof.period import Period
from proof.places import QUERIES, city, units_of
from proof.policy import Policy, impostor
from proof.report import Report, check_known, lines
from proof.scores import Counts
from proof.span import Bounds, bounds_of
from proof.tallies import BY_WINDOW, MINUTE_MS, UPHELD_BY_WINDOW, counts_of, without
from proof.turnout import participations, turnouts
from proof.units import Unit, counted
from proof.zone import zone_of

# Between these two lies every window's name.
_EVERY = ("", "~")


class Wish(NamedTuple):
    """What is to be published: `span` by `policy`, with the `assessments` by code that stand in `source`.

    `final`: after the appeals; else they are open for `appeal_days` from now.
    """

    span: Period
    policy: Policy
    assessments: Mapping[str, Given[Decimal]]
    source: str
    final: bool
    appeal_days: int


async def publish(database: Database, signer: Signer, wish: Wish, *, zone: str, at: int) -> tuple[Published, Report]:
    """Publish what is wished at city time `at` (ms), its days those of `zone`; the edition, and the report it freezes.

    Raises `SettingsError` where that is not due, or its policy not what it is called, and `Unavailable`, also where
    somebody published it meanwhile, since no two editions have one number; then nothing has happened.
    """
    if (said := impostor(wish.policy)) is not None:
        raise SettingsError(said)
    bounds = bounds_of(wish.span, zone_of(zone))
    # Visits follow the ledger by themselves, in the city or, where that is not running, here.
    await VisitFollower(database, calendar=Calendar(zone)).catch_up()
    with unavailable():
        # One moment of the database: tallies are of exactly the entries up to its head.
        async with database.reader.connect() as connection:
            before = await store.of_period(connection, wish.span.name)
            stage, until = due(
                before,
                wish.span,
                behind=bounds.behind,
                now=at,
                final=wish.final,
                appeal_days=wish.appeal_days,
                undecided=await appeals.undecided(connection, wish.span.name),
            )
            ((position,),) = await fetch(connection, HEAD)
            visited = (await visits.cursor(connection)).position
            days = (wish.span.first.isoformat(), wish.span.last.isoformat())
            asked = turnouts(await visits.between(connection, _EVERY, *days))
            counts, taken = await _counts(connection, wish.span, bounds, silent(asked))
    check_known(counts, wish.assessments, wish.source, wish.span)
    given = {code: score.figure for code, score in wish.assessments.items()}
    judged = lines(counts, given, participations(asked, wish.policy), wish.policy, taken)
    report = Report(wish.span, wish.policy, int(position), judged, (stage, number_after(before)))
    made = edition_of(
        report,
        before,
        stage=stage,
        until=until,
        at=at,
        zone=zone,
        by=signer.public,
        turnouts=asked,
        visited=visited,
    )
    raw = signer.entry(encoded(made))
    with unavailable():
        async with database.writer.begin() as connection:
            # From here on nobody files; whoever did since we looked is waited for.
            await appeals.hold(connection)
            if stage == "final":
                check_decided(made.period, await appeals.undecided(connection, made.period))
            await enter(connection, Entry("report", "", made.period, made.number, made.number, at, "", raw))
    return opened(raw), report


async def _counts(
    connection: AsyncConnection, span: Period, bounds: Bounds, asked: Mapping[str, Counts]
) -> tuple[dict[Unit, Counts], dict[Unit, Counts]]:
    """The ratings of each unit without what is upheld as misuse, and that; `asked`: windows that have a unit anyway."""
    units = [city()]
    for kind, query in QUERIES.items():
        units += units_of(kind, [tuple(row) for row in await fetch(connection, query, (bounds.behind,))], bounds)
    days = (BUTTON, span.first.isoformat(), span.last.isoformat())
    minutes = (BUTTON, bounds.begin // MINUTE_MS, bounds.behind // MINUTE_MS)
    whole = {**asked, **counts_of(await fetch(connection, BY_WINDOW, days))}
    upheld = counts_of(await fetch(connection, UPHELD_BY_WINDOW, minutes))
    return counted(without(whole, upheld), units), counted(upheld, units)
