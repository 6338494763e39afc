"""How much the model did: each test's counts go with its report, so that whoever ends the run can tell them all.

Under xdist that is another process than the one that ran the test, and it loads no conftest of this folder.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

import pytest

PROPERTY = "model"

# By rule; and what the rules led to.
steps: Counter[str] = Counter()
deeds: Counter[str] = Counter()
# What else is worth a line.
notes: list[str] = []


def taken() -> dict[str, Any]:
    """What was counted since the last time, as a report can carry it."""
    counted = {"steps": dict(steps), "deeds": dict(deeds), "notes": list(notes)}
    for one in (steps, deeds, notes):
        one.clear()
    return counted


def counts_of(reports: Iterable[object]) -> list[dict[str, Any]]:
    """What tests counted: a property that is recorded at a fixture's end is in the report of the teardown."""
    return [
        cast("dict[str, Any]", counted)
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "teardown"
        for name, counted in report.user_properties
        if name == PROPERTY
    ]


def told(counts: Iterable[dict[str, Any]]) -> list[str]:
    """Lines for the end of a run; none where the model was not run."""
    lines: list[str] = []
    by_rule: Counter[str] = Counter()
    by_deed: Counter[str] = Counter()
    for counted in counts:
        lines += counted["notes"]
        by_rule.update(counted["steps"])
        by_deed.update(counted["deeds"])
    if by_rule:
        each = ", ".join(f"{name} {count:,}" for name, count in by_rule.most_common())
        lines.append(f"{by_rule.total():,} steps ({each})")
        lines.append(", ".join(f"{count:,} {name}" for name, count in by_deed.items()))
    return [f"model: {line}" for line in lines]
