"""What can still be read of a node's damaged store, and exactly which of its numbers cannot."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from contract.batch import MAX_ROWS, StreamKey
from contract.ranges import Ranges
from transport import sums, wal

Row = tuple[object, ...]

# Each table in the order of its tree, so that it can be read from both ends up to a page that cannot be.
TABLES = {
    "stream": "id",
    "boot": "id",
    "paper": "name",
    "anchor": "rowid",
    "tie": "rowid",
    "batch": "id",
    "rating": "stream, seq",
    "answered": "stream, seq",
    "void": "rowid",
}


class Salvage(NamedTuple):
    """Sound rows by table, and by stream the numbers that were given and are not among them."""

    rows: Mapping[str, Sequence[Row]]
    void: Mapping[StreamKey, Ranges]


def salvage(path: Path) -> Salvage:
    """Read the store at `path`, which nobody has open, as it is without its damage."""
    return _sound(kept_in(path, TABLES))


def kept_in(path: Path, tables: Mapping[str, str]) -> dict[str, list[Row]]:
    """Read what can be read of `tables`, by name with the order of its tree, in the store `path`; sound or not.

    Of a damaged frame in its log both are read, the page that it holds and the one before it: rows with the same key
    may stand in the answer, and then what is surely as it was written comes first.
    """
    database, frames = path.read_bytes(), [*wal.frames(_log_of(path))]
    found = _read(path, wal.mended(database, frames), tables)
    if all(frame.sound for frame in frames):
        return found
    more = _read(path, wal.mended(database, frames, damaged_too=True), tables)
    return {table: list(dict.fromkeys([*rows, *more[table]])) for table, rows in found.items()}


def _log_of(path: Path) -> bytes:
    log = path.with_name(f"{path.name}-wal")
    return log.read_bytes() if log.exists() else b""


def _read(path: Path, whole: bytes, tables: Mapping[str, str]) -> dict[str, list[Row]]:
    mended = path.with_name(f"{path.name}.mended")
    mended.write_bytes(whole)
    try:
        with closing(sqlite3.connect(f"{mended.resolve().as_uri()}?immutable=1", uri=True)) as connection:
            connection.text_factory = _text
            return {table: _rows(connection, table, order) for table, order in tables.items()}
    finally:
        mended.unlink()


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _rows(connection: sqlite3.Connection, table: str, order: str) -> list[Row]:
    found: dict[Row, None] = {}
    for direction in ("ASC", "DESC"):
        places = ", ".join(f"{column} {direction}" for column in order.split(", "))
        try:
            found.update((tuple(row), None) for row in connection.execute(f"SELECT * FROM {table} ORDER BY {places}"))  # noqa: S608  (our tables)
        except sqlite3.DatabaseError:
            continue
        break
    return list(found)


def _sound(found: Mapping[str, Sequence[Row]]) -> Salvage:
    # Of two rows of a key the first holds; these have no sums.
    streams = {row[0]: row for row in reversed(found["stream"])}
    names = {id_: StreamKey(str(row[1]), str(row[2])) for id_, row in streams.items()}
    boots = {row[0]: row[1] for row in reversed(found["boot"])}
    kept: dict[StreamKey, list[tuple[int, int]]] = {key: [] for key in names.values()}
    claimed: dict[StreamKey, list[tuple[int, int]]] = {key: [] for key in names.values()}
    rows: dict[str, list[Row]] = {table: [] for table in TABLES}
    for table in ("stream", "boot", "paper", "void"):
        rows[table] = list(found[table])
    for table in ("anchor", "tie"):
        rows[table] = [row for row in found[table] if sums.of_row(*row[:-1]) == row[-1]]  # type: ignore[arg-type]
    for row in found["batch"]:
        key, sound = names.get(row[1]), batch_is_sound(names, row)
        if sound:
            rows["batch"].append(row)
        if key is not None:
            (kept if sound else claimed)[key].append((row[2], row[3]))  # type: ignore[arg-type]
    cut = {key: Ranges(numbers) for key, numbers in kept.items()}
    for row in found["rating"]:
        key, sound = names.get(row[0]), rating_is_sound(names, boots, row)
        # The page of one frame may be older than that of another, and know nothing of the batch.
        if sound and key is not None and row[1] not in cut[key]:  # type: ignore[operator]
            rows["rating"].append(row)
        if key is not None:
            (kept if sound else claimed)[key].append((row[1], row[1]))  # type: ignore[arg-type]
    # One that is not sound costs its rating the token, and no number.
    rows["answered"] = [row for row in found["answered"] if _answered_is_sound(names, row)]
    pruned = {names[id_]: row[3] if isinstance(row[3], int) else 0 for id_, row in streams.items()}
    void = {key: missing(Ranges(kept[key]), claimed[key], pruned[key]) for key in kept}
    return Salvage(rows, {key: numbers for key, numbers in void.items() if numbers})


def batch_is_sound(names: Mapping[object, StreamKey], row: Row) -> bool:
    """Whether a row of the table `batch` is as it was written."""
    _, stream, first, last, _, raw, said = row
    key = names.get(stream)
    typed = isinstance(first, int) and isinstance(last, int) and isinstance(raw, bytes)
    return key is not None and typed and sums.of_row(*key, first, last, raw) == said  # type: ignore[arg-type]


def rating_is_sound(names: Mapping[object, StreamKey], boots: Mapping[object, object], row: Row) -> bool:
    """Whether a row of the table `rating` is as it was written."""
    stream, seq, boot, *values, said = row
    key = names.get(stream)
    return key is not None and boot in boots and sums.of_row(*key, seq, boots[boot], *values) == said  # type: ignore[arg-type]


def _answered_is_sound(names: Mapping[object, StreamKey], row: Row) -> bool:
    stream, seq, token, said = row
    key = names.get(stream)
    return key is not None and sums.of_row(*key, seq, token) == said  # type: ignore[arg-type]


def missing(kept: Ranges, claimed: Iterable[tuple[object, object]], pruned: int) -> Ranges:
    """The numbers of a stream that were given and are lost.

    `kept` are there, `claimed` what damaged rows say of themselves, `pruned` the highest that was ever deleted: below
    it a gap proves nothing, above it every gap does. A claim that no batch can make is none.
    """
    believed = [
        (first, last)
        for first, last in claimed
        if isinstance(first, int) and isinstance(last, int) and 1 <= first <= last < first + MAX_ROWS
    ]
    top = max((hi for _, hi in kept), default=pruned)
    # What damage makes of a number lies anywhere; what was given lies next to what else was.
    near = [(first, last) for first, last in sorted(believed) if first <= top + MAX_ROWS]
    top = max([top, *(last for _, last in near)])
    gaps = Ranges([(pruned + 1, top)]) - kept if top > pruned else Ranges()
    return Ranges([*gaps.pairs, *(Ranges(near) - kept).pairs])
