"""A stretch of the ledger as what the series gets of it. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cloud.calendar import MINUTE_MS, Calendar
from cloud.ledger.counting import Rows
from cloud.series.lines import rating_lines
from contract.batch import Batch
from contract.identity import counter_of, township_of

# Hours and days of every zone begin at a full quarter of an hour of UTC.
QUARTER_MS = 15 * MINUTE_MS


class Page(NamedTuple):
    """What the entries behind position `after`, up to `until`, bring.

    `rated`: batches, and which of their rows (indexes) count. `lines`: one for each of these that is not older than
    what is kept one by one; `skipped`: how many are.
    """

    after: int
    until: int
    rated: list[tuple[Batch, Sequence[int]]]
    lines: list[str]
    skipped: int


class Touched(NamedTuple):
    """The tallies that a page changed, of whichever channel.

    Townships by hour (its first minute's number), and windows by ISO day.
    """

    hours: dict[int, set[str]]
    days: dict[str, set[str]]


def page_of(after: int, until: int, rows: Iterable[Rows], floor: int) -> Page:
    """Return the page of `rows`; ratings pressed before `floor` (ms) are not kept one by one."""
    rated = [(entry.batch, indexes) for entry, indexes in rows if indexes]
    lines: list[str] = []
    skipped = 0
    for batch, indexes in rated:
        t0 = batch.t0
        kept = indexes if t0 >= floor else [i for i in indexes if t0 + batch.rows[i].ms >= floor]
        skipped += len(indexes) - len(kept)
        lines += rating_lines(batch, kept)
    return Page(after, until, rated, lines, skipped)


def touched(rated: Iterable[tuple[Batch, Sequence[int]]], calendar: Calendar) -> Touched:
    """Return which tallies the `rated` rows stand in, however old they are."""
    found = Touched({}, {})
    cells: set[tuple[str, int]] = set()
    for batch, indexes in rated:
        prefix, t0 = counter_of(batch.node) + "/", batch.t0
        chosen = batch.rows if len(indexes) == len(batch.rows) else [batch.rows[i] for i in indexes]
        cells.update({(prefix + row.window, (t0 + row.ms) // QUARTER_MS) for row in chosen})
    names: dict[int, tuple[int, str]] = {}
    for window, quarter in cells:
        if quarter not in names:
            at = quarter * QUARTER_MS
            names[quarter] = calendar.hour(at) // MINUTE_MS, calendar.day(at)
        hour, day = names[quarter]
        found.hours.setdefault(hour, set()).add(township_of(window))
        found.days.setdefault(day, set()).add(window)
    return found
