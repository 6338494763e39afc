"""A table of the console: one form for every list, on a screen, on paper and as CSV. Pure."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from proof.sheet import harmless

Tone = Literal["", "bad", "warn", "good", "quiet"]
# A spreadsheet takes a CSV file for UTF-8 only with this in front.
_MARK = "\ufeff"


class Cell(NamedTuple):
    """What stands in a cell: a `link` leads on, and its `tone` shows beside the words, never in place of them."""

    text: str
    link: str | None = None
    tone: Tone = ""


class Column(NamedTuple):
    """`word` is the key of its heading among the words; `number`: its figures stand under one another."""

    word: str
    number: bool = False


class Listing(NamedTuple):
    """`name` is a file's; `more` leads to the next page, None on the last."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    more: str | None = None


def written(listing: Listing, word: Callable[[str], str]) -> str:
    """Return `listing` as CSV with headings by `word`; nothing in it runs where a spreadsheet opens it."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\r\n")
    lines.writerow([word(column.word) for column in listing.columns])
    lines.writerows([harmless(cell.text) for cell in row] for row in listing.rows)
    return _MARK + out.getvalue()
