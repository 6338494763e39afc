"""Reading a ledger file as an outsider: SQLite and the contract, nothing of the city's code."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from contract.batch import Batch, StreamKey
from contract.bundle import Signed
from contract.codec import decode_as, stored_batch
from contract.errors import Refused, SettingsError, StoreDamaged
from contract.hello import Hello
from contract.identity import window_id
from contract.ranges import Ranges
from contract.rating import Quality

ENTRIES = "SELECT position, raw FROM ledger_entry WHERE kind = 'batch' ORDER BY position"
# A row that was admitted later counts.
UNCOUNTED = "SELECT position, row FROM uncounted WHERE admitted IS NULL"
HELLOS = "SELECT raw FROM hello"
GIVEN = "SELECT node, epoch, first, last FROM ledger_entry WHERE kind = 'batch' AND node = ? AND epoch = ?"
# The newest position; 0 where there is nothing.
HEAD = "SELECT coalesce(max(position), 0) FROM ledger_head"
POSITIONS = "SELECT count(*), coalesce(min(position), 1), coalesce(max(position), 0) FROM ledger_entry"


class Rating(NamedTuple):
    """One number of a stream, as the first entry that gives it says.

    `window` is the city-wide name, `at` ms since 1970 UTC, `q` the time quality, `position` where it stands.
    `counted`: it is not held uncounted. `bounds`: the earliest and the latest that it can have been pressed, where `at`
    is an estimate (`q` 2), else None. `token`: of the visit that it was asked for, if it was.
    """

    node: str
    epoch: str
    seq: int
    window: str
    level: int
    at: int
    q: int
    position: int
    counted: bool
    bounds: tuple[int, int] | None = None
    token: str | None = None


def connect(path: Path) -> sqlite3.Connection:
    """Open the ledger at `path` for reading only; a missing file is `sqlite3.OperationalError`."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


@contextmanager
def snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the ledger at `path` and see it as it is at the first look; the city may go on meanwhile.

    Raises `SettingsError` where it cannot be read, be it at once or within.
    """
    try:
        with closing(connect(path)) as connection:
            connection.execute("BEGIN")
            yield connection
    except sqlite3.Error as bad:
        raise SettingsError(f"{path} cannot be read as a ledger: {bad}") from bad


def read(path: Path) -> Iterator[Rating]:
    """Every rating in the ledger at `path`, each number once, in the order of positions; raises as `batch_at`."""
    with closing(connect(path)) as connection:
        uncounted: set[tuple[int, int]] = set(connection.execute(UNCOUNTED))
        entries = ((position, batch_at(position, raw)) for position, raw in connection.execute(ENTRIES))
        yield from ratings(entries, uncounted)


def batch_at(position: int, raw: object) -> Batch:
    """The batch in `raw`, the entry at `position`; raises `StoreDamaged`, which names that, where it is none."""
    if not isinstance(raw, bytes):
        raise StoreDamaged(f"ledger position {position} cannot be read: {type(raw).__name__} in place of bytes")
    try:
        return stored_batch(raw)
    except Refused as bad:
        raise StoreDamaged(f"ledger position {position} cannot be read: {bad.detail}") from bad


def ratings(entries: Iterator[tuple[int, Batch]], uncounted: set[tuple[int, int]]) -> Iterator[Rating]:
    """The ratings in `entries` (position, batch), which stand in order: the first that gives a number wins."""
    given: set[tuple[str, str, int]] = set()
    for position, batch in entries:
        for index, row in enumerate(batch.rows):
            key = (batch.node, batch.epoch, batch.first + index)
            if key in given:
                continue
            given.add(key)
            counted = (position, index) not in uncounted
            window = window_id(batch.node, row.window)
            at = batch.t0 + row.ms
            bounds = bounds_of(batch, row.ms)
            yield Rating(*key, window, row.level, at, int(batch.q), position, counted, bounds, row.token)


def bounds_of(batch: Batch, ms: int) -> tuple[int, int] | None:
    """The earliest and the latest that the row at `ms` after t0 can have been pressed; None where that is no estimate.

    They stand as far from its time as the batch's bounds from t0.
    """
    if batch.q is not Quality.ESTIMATED:
        return None
    earliest, latest = batch.bounds or (batch.t0, batch.t0)
    return earliest + ms, latest + ms


def void(path: Path) -> dict[StreamKey, Ranges]:
    """By stream, the numbers that their node signed to have lost to a damaged disk, and that are not in the ledger.

    A loss that is declared is no tail withheld. What arrives after all, from a gateway that had it, is no loss.
    """
    with closing(connect(path)) as connection:
        destroyed = declared(decode_as(Signed.of(raw).body, Hello) for (raw,) in connection.execute(HELLOS))
        for stream_key, numbers in destroyed.items():
            given = Ranges((first, last) for *_, first, last in connection.execute(GIVEN, stream_key))
            destroyed[stream_key] = numbers - given
    return {stream_key: numbers for stream_key, numbers in destroyed.items() if numbers}


def declared(hellos: Iterable[Hello]) -> dict[StreamKey, Ranges]:
    """By stream, the numbers that `hellos` say are destroyed."""
    numbers: dict[StreamKey, Ranges] = {}
    for hello in hellos:
        for stream, destroyed in hello.destroyed().items():
            numbers[stream] = numbers.get(stream, Ranges()) | destroyed
    return numbers


def gapless(path: Path) -> bool:
    """Whether the positions in the ledger at `path` run from 1 without a gap."""
    with closing(connect(path)) as connection:
        count, lowest, highest = connection.execute(POSITIONS).fetchone()
    return bool(lowest == 1 and highest == count)
