"""Letting held rows count once the registry knows their window.

An admission is a ledger entry of its own, so that it has a position and everybody who follows positions sees it. Its
`raw` is JSON: `{"admit":[[position,row],...]}`; the rows' own entries stay as they are.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from cloud.database import fetch, write
from cloud.ledger.cells import ONE
from cloud.ledger.rules import MINUTE_MS
from cloud.ledger.store import Entry
from cloud.registry.snapshot import Registry
from contract.batch import Batch
from contract.codec import stored_batch
from contract.errors import Reason
from contract.rating import Quality

# Rows looked at for one admission; more follow in the next.
PAGE = 5_000

WAITING_WINDOWS = """
SELECT DISTINCT "window" FROM uncounted
WHERE admitted IS NULL AND refused IS NULL AND reason = :reason AND "window" <> ''
"""

WAITING = """
SELECT uncounted.position, uncounted.row, ledger_entry.raw
FROM uncounted JOIN ledger_entry ON ledger_entry.position = uncounted.position
WHERE uncounted.admitted IS NULL AND uncounted.refused IS NULL
  AND uncounted.reason = :reason AND uncounted."window" = :window
  AND (uncounted.position > :position OR (uncounted.position = :same_position AND uncounted.row > :row))
ORDER BY uncounted.position, uncounted.row LIMIT :limit
"""

ADMIT = "UPDATE uncounted SET admitted = :admitted WHERE position = :position AND row = :row"

Place = tuple[int, int]
BEGIN: Place = (0, 0)


class Progress(NamedTuple):
    """How far an admission is: windows still to be looked at, and the last row looked at of the first of them."""

    windows: list[str]
    after: Place = BEGIN

    def beyond(self, after: Place | None) -> "Progress":
        """The next place: behind `after`, or where that is None at the next window."""
        return Progress(self.windows[1:]) if after is None else Progress(self.windows, after)


class Admission(NamedTuple):
    """Rows (position, index in the batch) that count now, and their counts by (window, minute).

    `estimated`: how many of these stand there by an estimate of their time.
    """

    rows: list[Place]
    cells: dict[tuple[str, int], int]
    estimated: dict[tuple[str, int], int]

    def add(self, place: Place, window: str, batch: Batch) -> None:
        """Let the row at `place`, which is of `batch` and was pressed at `window`, count."""
        rating = batch.rows[place[1]]
        cell = (window, (batch.t0 + rating.ms) // MINUTE_MS)
        self.rows.append(place)
        self.cells[cell] = self.cells.get(cell, 0) + ONE[rating.level]
        if batch.q is Quality.ESTIMATED:
            self.estimated[cell] = self.estimated.get(cell, 0) + 1

    def entry(self, at: int) -> Entry:
        """The ledger entry that says so, at city time `at` (ms)."""
        return Entry("admit", "", "", 0, 0, at, "", msgspec.json.encode({"admit": self.rows}))


async def waiting_windows(connection: AsyncConnection, registry: Registry) -> list[str]:
    """Windows that are registered now and have rows which were held because they were not."""
    found = await fetch(connection, WAITING_WINDOWS, (Reason.UNKNOWN_WINDOW.value,))
    return [str(window) for (window,) in found if registry.knows_window(str(window))]


async def look(
    connection: AsyncConnection, registry: Registry, window: str, after: Place
) -> tuple[Admission, Place | None]:
    """What can be admitted of the next `PAGE` held rows of `window` behind `after`, and where to go on, if anywhere."""
    position, row = after
    found = await fetch(connection, WAITING, (Reason.UNKNOWN_WINDOW.value, window, position, position, row, PAGE))
    admission = Admission([], {}, {})
    for position, row, raw in found:
        batch = stored_batch(bytes(raw))
        if registry.has_window(window, batch.t0 + batch.rows[row].ms):
            admission.add((position, row), window, batch)
    return admission, (position, row) if len(found) == PAGE else None


async def admit(connection: AsyncConnection, rows: Iterable[Place], position: int) -> None:
    """Mark `rows` as admitted by the entry at `position`."""
    await write(connection, ADMIT, ((position, *row) for row in rows))
