"""A report: for each unit its ratings, K, and what becomes of its assessment. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from proof.coefficient import Coefficient, coefficient, corrected
from proof.period import Period
from proof.policy import Policy
from proof.scores import Counts
from proof.units import Unit


class Line(NamedTuple):
    """`assessment` is what the assessors gave the unit, and `corrected` that times K; None where they gave nothing."""

    unit: Unit
    counts: Counts
    coefficient: Coefficient
    assessment: Decimal | None
    corrected: Decimal | None


class Report(NamedTuple):
    """`position`: up to where the ledger had come when the tallies were read."""

    period: Period
    policy: Policy
    position: int
    lines: list[Line]


def unknown(counts: Mapping[Unit, Counts], assessments: Mapping[str, Decimal]) -> list[str]:
    """Return the codes in `assessments` that are no unit's: a misspelt one must not pass as silence."""
    return sorted(assessments.keys() - {unit.code for unit in counts})


def lines(counts: Mapping[Unit, Counts], assessments: Mapping[str, Decimal], policy: Policy) -> list[Line]:
    """Judge each unit in `counts` by `policy`; `assessments` by code."""
    judged: list[Line] = []
    for unit, n in counts.items():
        found = coefficient(n, policy)
        given = assessments.get(unit.code)
        judged.append(Line(unit, n, found, given, None if given is None else corrected(given, found.k)))
    return judged
