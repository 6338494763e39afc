"""A table as a spreadsheet has it, apart from any file. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

Cell = str | int | float | None

# How a spreadsheet shows numbers that it is told nothing about.
GENERAL = "General"
# A spreadsheet takes what begins with one of these for a formula, and would run it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Column(NamedTuple):
    """What a column is called, and how a spreadsheet shows its numbers."""

    name: str
    shown: str = GENERAL


class Sheet(NamedTuple):
    """A table called `title`, with `facts` about it above."""

    title: str
    facts: Sequence[Sequence[Cell]]
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]


def harmless(cell: Cell) -> Cell:
    """Return `cell`, with an apostrophe before a text that a spreadsheet would run."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def pairs(rows: Iterable[Sequence[Cell]]) -> Iterator[tuple[int, str, str]]:
    """The number, counted from 1, and the first two cells as text, of each of `rows` that has either."""
    for number, row in enumerate(rows, start=1):
        first, second = (*map(text_of, row[:2]), "", "")[:2]
        if first or second:
            yield number, first, second


def named(first: str) -> bool:
    """Whether the `first` cell of a row is meant for a code or a node's name, and so for no heading: these have digits.

    Also one that is misspelt: an error in the first row must not pass for a heading.
    """
    return any(letter.isdigit() for letter in first)


def text_of(cell: Cell) -> str:
    """Return what the cell shows: a spreadsheet keeps 371721121 as a number, and gives it as 371721121.0 at times."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).strip()
