"""What an audit finds. Pure."""

from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from contract.ranges import Ranges

# Findings of one rule that are named one by one; all of them are counted.
NAMED = 20


class Rule(StrEnum):
    """What was broken."""

    GAP = "gap"
    UNREADABLE = "unreadable"
    ALTERED = "altered"
    SIGNATURE = "signature"
    INCOMPLETE = "incomplete"
    UNCOUNTED = "uncounted"
    WINDOW = "window"
    TALLY = "tally"
    QUARANTINE = "quarantine"
    SEAL = "seal"
    REPORT = "report"
    JUDGEMENT = "judgement"


class Finding(NamedTuple):
    """`where` names the row, `detail` says what is wrong with it."""

    rule: Rule
    where: str
    detail: str


def spelled(numbers: Ranges) -> str:
    """The first of `numbers`, as many stretches as findings are named: 3, 7 to 9."""
    return ", ".join(f"{lo}" if lo == hi else f"{lo} to {hi}" for lo, hi in islice(numbers, NAMED))
