"""A table as a spreadsheet has it, apart from any file. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

Cell = str | int | float | None

# How a spreadsheet shows numbers that it is told nothing about.
GENERAL = "General"


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
