"""Reads what a run left behind, after everything stopped: the fingers' log and the city's database file."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

from firmware_sim.fingerlog import choices, read
from firmware_sim.verdict import TOLERANCE_MS, Row, Verdict, judge
from proof import ledger, tallies

RECEIVED = "SELECT position, received_at FROM ledger_entry"


def gather(
    log: Path, database: Path, *, wall: int | None, tolerance_ms: int = TOLERANCE_MS, destroyed: Iterable[Row] = ()
) -> Verdict:
    """Judge the choices in `log` by the ledger in the file `database`; `wall` is the total that an onlooker saw.

    `destroyed`: rows whose only copy was damaged on purpose.
    """
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
            received_at=received[one.position],
            bounds=one.bounds,
        )
        for one in counted
    ]
    tallied = sum(sum(counts) for counts in tallies.stored(database, tallies.BY_DAY).values())
    declared = {
        (*stream, number)
        for stream, numbers in ledger.void(database).items()
        for lo, hi in numbers
        for number in range(lo, hi + 1)
    }
    return judge(
        choices(read(log)),
        rows,
        tallies=tallied,
        wall=wall,
        tolerance_ms=tolerance_ms,
        destroyed=destroyed,
        declared=declared,
    )


def contradictions(database: Path, zone: ZoneInfo) -> list[str]:
    """Return where the city's own figures contradict its ledger: tallies that do not follow, positions left out."""
    found = tallies.differences(database, zone)
    if not ledger.gapless(database):
        found.append("ledger positions do not run from 1 without a gap")
    return found
