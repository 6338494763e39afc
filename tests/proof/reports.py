"""Reports for tests."""

from collections.abc import Mapping
from decimal import Decimal

from proof.period import period
from proof.policy import Policy, shipped
from proof.report import Report, lines
from proof.scores import Counts
from proof.units import Unit

GUARDED = shipped("guarded")


def report(counts: Mapping[Unit, Counts], given: Mapping[str, Decimal], policy: Policy = GUARDED) -> Report:
    """A report of the fourth quarter, read when the ledger stood at 7."""
    return Report(period("2026Q4"), policy, 7, lines(counts, given, {}, policy, {}))
