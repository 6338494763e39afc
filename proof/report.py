"""A report: for each unit its ratings, K, what becomes of its assessment, and what is shown beside. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache, partial
from typing import Literal, NamedTuple

from contract.errors import SettingsError
from proof.coefficient import Coefficient, coefficient, corrected
from proof.funnel import LEVELS, Standing, funnel
from proof.given import Given
from proof.participation import Participation
from proof.period import Period
from proof.policy import Policy
from proof.scores import Counts, Points, percent, plus
from proof.shrinkage import shrunk
from proof.units import NONE, Kind, Unit, families

# Open to appeals, or after them.
Stage = Literal["appeal", "final"]
# Of codes that no unit has, so many are named.
_NAMED = 5


class Upheld(NamedTuple):
    """`counts`: the ratings that were taken out, since two auditors upheld their flags.

    `score`: what the mean would be with them, in percent, one decimal.
    """

    counts: Counts
    score: float | None


class Beside(NamedTuple):
    """What is shown of a unit and decides nothing.

    `upheld`: what was taken out of its ratings, None where nothing was. `shrunk`: its mean in [0, 1] drawn toward its
    siblings'; `standings`: where it stands in the city's funnel at each of `funnel.LEVELS`; `participation`: what is
    known of all whom it served. None or empty where there is nothing.
    """

    shrunk: float | None
    standings: tuple[Standing, ...]
    participation: Participation | None
    upheld: Upheld | None


class Line(NamedTuple):
    """`score`: the mean in percent, one decimal. `assessment`: the assessors', and `corrected` that times K, if any."""

    unit: Unit
    counts: Counts
    score: float | None
    coefficient: Coefficient
    assessment: Decimal | None
    corrected: Decimal | None
    beside: Beside


class Report(NamedTuple):
    """`position`: up to where the ledger had come when the tallies were read.

    `edition`: as what it was published, and its number; None while it is provisional.
    """

    period: Period
    policy: Policy
    position: int
    lines: list[Line]
    edition: tuple[Stage, int] | None = None


def check_known(
    counts: Mapping[Unit, Counts], given: Mapping[str, Given[Decimal] | Given[int]], source: str, span: Period
) -> None:
    """Raise `SettingsError` where a code in `given`, from `source`, is no unit's: a misspelt one is no silence."""
    if strange := sorted(given.keys() - {unit.code for unit in counts}):
        shown = ", ".join(f"{code} (row {given[code].row})" for code in strange[:_NAMED])
        raise SettingsError(f"{source}: no unit of {span.name} has a code such as {shown}")


def lines(
    counts: Mapping[Unit, Counts],
    assessments: Mapping[str, Decimal],
    participations: Mapping[str, Participation],
    policy: Policy,
    upheld: Mapping[Unit, Counts],
) -> list[Line]:
    """Judge each unit in `counts` by `policy`; `assessments` and `participations` by code.

    `upheld`: the ratings that were taken out of `counts` before.
    """
    judged: list[Line] = []
    points = policy.points
    drawn, standings = _shrunk(counts, points), _standings(counts, points)
    # Whoever has a window alone has its ratings, and an office often its township's: they are judged once.
    judge = cache(partial(coefficient, policy=policy))
    for unit, n in counts.items():
        # K is of the unit's own ratings alone; nothing that is shown beside it comes near.
        found = judge(n)
        given = assessments.get(unit.code)
        times = None if given is None else corrected(given, found.k)
        whole = _upheld(n, upheld.get(unit, NONE), points)
        beside = Beside(drawn.get(unit), standings.get(unit, ()), participations.get(unit.code), whole)
        judged.append(Line(unit, n, percent(n, points), found, given, times, beside))
    return judged


def _upheld(n: Counts, taken: Counts, points: Points) -> Upheld | None:
    return Upheld(taken, percent(plus(n, taken), points)) if any(taken) else None


def _shrunk(counts: Mapping[Unit, Counts], points: Points) -> dict[Unit, float]:
    found: dict[Unit, float] = {}
    for siblings in families(counts):
        rated = [counts[unit] for unit in siblings]
        if any(map(any, rated)):
            found.update(zip(siblings, shrunk(rated, points), strict=True))
    return found


def _standings(counts: Mapping[Unit, Counts], points: Points) -> dict[Unit, tuple[Standing, ...]]:
    """Of every unit but the city, which is the middle of its own funnel, and but the silent."""
    around = funnel(next((n for unit, n in counts.items() if unit.kind is Kind.CITY), NONE), points)
    if around is None:
        return {}
    stand = cache(lambda n: tuple(around.standing(n, level, points) for level in LEVELS))
    return {unit: stand(n) for unit, n in counts.items() if unit.kind is not Kind.CITY and any(n)}
