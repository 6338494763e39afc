"""What offices give for units: rows of a code and a figure, as their table has them. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from contract.errors import SettingsError
from proof.sheet import Cell, named, pairs
from proof.units import CITY

T = TypeVar("T")


class Given(NamedTuple, Generic[T]):
    """A `figure`, and the `row` that it stands in, counted from 1."""

    figure: T
    row: int


class Wanted(NamedTuple, Generic[T]):
    """What a table's figures are called, how one is read (None: it is none), and what is expected, with an example."""

    name: str
    read: Callable[[str], T | None]
    expected: str


def given(rows: Iterable[Sequence[Cell]], source: str, wanted: Wanted[T]) -> dict[str, Given[T]]:
    """Return what `rows` give for each code: the code in the first column, the figure in the second, whatever follows.

    The first row may be a heading, and empty rows are passed over. Raises `SettingsError`, which names `source` and the
    row, where a figure is none, or a code stands twice: of two figures for one office none can be meant; and where
    there are rows, and no figure in them: no rows are those of a table that nobody named.
    """
    found: dict[str, Given[T]] = {}
    name = wanted.name
    rows = list(rows)
    for row, code, text in pairs(rows):
        figure = wanted.read(text)
        if figure is None:
            if row == 1 and code != CITY and not named(code):
                continue
            raise SettingsError(f"{source}: row {row}: {name} {text!r} of {code!r}: expected {wanted.expected}")
        if not code:
            raise SettingsError(f"{source}: row {row}: a {name} of {text} without a code before it")
        if code in found:
            raise SettingsError(f"{source}: row {row}: {code} was given a {name} before; take one of the two out")
        found[code] = Given(figure, row)
    if rows and not found:
        raise SettingsError(f"{source}: there is no {name} in it: expected a code and {wanted.expected}, a row")
    return found
