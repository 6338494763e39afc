"""Reads what a run left behind, after everything stopped: the fingers' log and the city's database file."""

from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from firmware_sim.fingerlog import choices, read
from firmware_sim.verdict import TOLERANCE_MS, Row, Verdict, judge
from proof import ledger, tallies
from transport.dating import FREEZE_BELOW_MS

RECEIVED = "SELECT position, received_at FROM ledger_entry"


class Allowed(NamedTuple):
    """What was done on purpose that a verdict has to know.

    `destroyed`: rows whose only copy was damaged. `adrift`: from when to when (city time, ms) nodes had only their
    crystals; a node freezes a time as long as it may be wrong by less than `FREEZE_BELOW_MS`. `stated`: by node, how
    wrong it said itself that its time may be (ms), where answers took seconds.
    """

    destroyed: list[Row]
    adrift: list[tuple[int, int]]
    stated: dict[str, int]

    def slack_ms(self, node: str, at: int) -> int:
        """How wrong a rating of `node`, of `at`, may be dated."""
        adrift = FREEZE_BELOW_MS if any(begin <= at <= end for begin, end in self.adrift) else 0
        return max(adrift, self.stated.get(node, 0))


def gather(
    log: Path, database: Path, *, wall: int | None, tolerance_ms: int = TOLERANCE_MS, allowed: Allowed | None = None
) -> Verdict:
    """Judge the choices in `log` by the ledger in the file `database`; `wall` is the total that an onlooker saw."""
    allowed = allowed or Allowed([], [], {})
    counted = [one for one in ledger.read(database) if one.counted]
    # After them: the city may still be at work.
    with closing(ledger.connect(database)) as connection:
        received: dict[int, int] = dict(connection.execute(RECEIVED))
    rows = [
        Row(
            one.node,
            one.epoch,
            one.seq,
            one.window,
            one.level,
            one.at,
            allowed.slack_ms(one.node, one.at),
            received_at=received[one.position],
            bounds=one.bounds,
        )
        for one in counted
    ]
    declared = {
        (*stream, number)
        for stream, numbers in ledger.void(database).items()
        for lo, hi in numbers
        for number in range(lo, hi + 1)
    }
    return judge(
        choices(read(log)),
        rows,
        tallies=tallies.total(database),
        wall=wall,
        tolerance_ms=tolerance_ms,
        destroyed=allowed.destroyed,
        declared=declared,
    )


def contradictions(database: Path, zone: ZoneInfo) -> list[str]:
    """Return where the city's own figures contradict its ledger: tallies that do not follow, positions left out."""
    found = tallies.differences(database, zone)
    if not ledger.gapless(database):
        found.append("ledger positions do not run from 1 without a gap")
    return found
