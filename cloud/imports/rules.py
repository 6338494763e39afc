"""A table's rows by their headings, each cell read, and everything that is wrong with them named. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cloud.imports import cells
from cloud.imports.cells import ALLOWED, Value
from cloud.imports.columns import COLUMNS, Column, Kind
from proof.sheet import Cell, text_of

# What may stand before the first word of a file, to tell its encoding, is no part of that word.
_MARK = "\ufeff"


class Fault(NamedTuple):
    """What is wrong in the `row` (counted from 1, as a spreadsheet does), by the key of the words that say it.

    `column`: the key of a heading, or "". `figures` belong to the words.
    """

    row: int
    column: str
    word: str
    figures: Mapping[str, object] = {}


class Row(NamedTuple):
    """A row by its `number` in the file, with what stands in it by the names of columns."""

    number: int
    values: Mapping[str, Value]


class Read(NamedTuple):
    """What is in a table: the rows that could be read, and what is wrong with the others."""

    rows: Sequence[Row]
    faults: Sequence[Fault]


def read(kind: Kind, table: Sequence[Sequence[Cell]], names: Mapping[str, str], zone: ZoneInfo) -> Read:
    """Read a `table` of `kind`, which begins with a heading; `names`: by a heading in small letters, its word's key."""
    heading = [text_of(cell).lstrip(_MARK).lower() for cell in table[0]]
    places, faults = _places(COLUMNS[kind], heading, names)
    if faults:
        return Read((), faults)
    rows: list[Row] = []
    for number, row in enumerate(table[1:], start=2):
        texts = [text_of(cell) for cell in row]
        if not any(texts):
            continue
        values: dict[str, Value] = {}
        wrong: list[Fault] = []
        for column in COLUMNS[kind]:
            place = places.get(column.name)
            text = texts[place] if place is not None and place < len(texts) else ""
            try:
                values[column.name] = cells.read(column.holds, text, zone)
            except (ValueError, OverflowError):
                wrong.append(Fault(number, column.word, ALLOWED[column.holds], {"text": text[:100]}))
                continue
            if column.needed and not text:
                wrong.append(Fault(number, column.word, ALLOWED[column.holds], {"text": ""}))
        faults += wrong
        if not wrong:
            rows.append(Row(number, values))
    if not rows and not faults:
        faults.append(Fault(1, "", "imports.empty"))
    return Read(rows, faults)


def _places(
    columns: Sequence[Column], heading: Sequence[str], names: Mapping[str, str]
) -> tuple[dict[str, int], list[Fault]]:
    """In which place each column stands."""
    by_word = {column.word: column.name for column in columns}
    places: dict[str, int] = {}
    faults = []
    for place, text in enumerate(heading):
        if not text:
            continue
        name = by_word.get(names.get(text, ""))
        if name is None:
            faults.append(Fault(1, "", "imports.heading_unknown", {"text": text[:100]}))
        elif name in places:
            faults.append(Fault(1, "", "imports.heading_twice", {"text": text[:100]}))
        else:
            places[name] = place
    faults += [
        Fault(1, column.word, "imports.heading_missing")
        for column in columns
        if column.needed and column.name not in places
    ]
    return places, faults
