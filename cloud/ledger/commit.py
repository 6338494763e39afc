"""What one commit brought, as it is told to everybody who follows the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from contract.errors import Reason

# `Commit.newest` holds at most so many.
NEWEST = 8


class Counted(NamedTuple):
    """One counted rating: `at` in ms (UTC), the city-wide `window`, `level` 1..3.

    `late`: it was committed more than a minute after it was pressed.
    """

    at: int
    window: str
    level: int
    channel: str
    late: bool


@dataclass(frozen=True, slots=True)
class Commit:
    """One committed transaction.

    `position`: the highest ledger position now. `at`: the city's time in ms. `cells`: newly counted
    (satisfied, basic, dissatisfied) by window id and minute number (ms since 1970 // 60000). `newest`: up to 8 newest
    counted ratings, newest first. `delays`: ms from press to this commit, of ratings on the live lane. `quarantined`:
    entries quarantined; `uncounted`: rows that entered the ledger but are held uncounted (negative where an earlier
    held row was admitted now). `reasons` splits the quarantined, `held` the uncounted, by why.
    """

    position: int
    at: int
    cells: Mapping[tuple[str, int], tuple[int, int, int]]
    newest: Sequence[Counted]
    delays: Sequence[int]
    quarantined: int
    uncounted: int
    reasons: Mapping[Reason, int] = field(default_factory=dict)
    held: Mapping[Reason, int] = field(default_factory=dict)
