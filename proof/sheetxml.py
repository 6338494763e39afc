"""The rows of a sheet in the XML of an Excel workbook (ECMA-376, part 1, 18.3.1). Pure.

XlsxWriter takes any cell at any place and keeps it until the end; to write rows that are all there takes a quarter of
that time.
"""

import re
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from xlsxwriter.utility import xl_col_to_name, xl_range

from proof.sheet import Cell, Sheet, harmless

_COLUMN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}col"
_SIZE = re.compile(rb'(?<=<dimension ref=")[^"]*')
_END = b"</sheetData>"
# What XML cannot hold is written as _x0007_ (22.9.2.19), and so is the first letter of a text that looks like that.
_UNHELD = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


def filled(page: bytes, sheet: Sheet) -> bytes:
    """Return `page`, a sheet's XML that ends with the names of the columns, with the rows of `sheet` below them.

    Cells are shown as `page` says of their columns. `ValueError` where it has no place for rows.
    """
    at = page.index(_END)
    first = len(sheet.facts) + 1
    size = xl_range(0, 0, first + len(sheet.rows) - 1, len(sheet.columns) - 1)
    head = _SIZE.sub(size.encode(), page[:at], count=1)
    return b"".join([head, *_rows(sheet.rows, first + 1, _styles(page, len(sheet.columns))), page[at:]])


def _styles(page: bytes, width: int) -> list[str | None]:
    """By column, the number of the style that `page` gives to all of it, if any."""
    found: list[str | None] = [None] * width
    for column in ET.fromstring(page).iter(_COLUMN):  # noqa: S314  (written just now, and not by a stranger)
        begin, end = int(column.attrib["min"]), int(column.attrib["max"])
        found[begin - 1 : end] = [column.get("style")] * (end - begin + 1)
    return found


def _rows(rows: Sequence[Sequence[Cell]], first: int, styles: Sequence[str | None]) -> Iterator[bytes]:
    """The XML of each of `rows`, numbered from `first` on."""
    columns = [(xl_col_to_name(at), "" if style is None else f' s="{style}"') for at, style in enumerate(styles)]
    for number, row in enumerate(rows, start=first):
        cells = [
            f'<c r="{name}{number}"{style}{_held(cell)}</c>'
            for (name, style), cell in zip(columns, row, strict=True)
            if cell is not None and cell != ""
        ]
        yield f'<row r="{number}">{"".join(cells)}</row>'.encode()


def _held(cell: Cell) -> str:
    """The rest of the tag of a cell that is not empty, and what is in it."""
    safe = harmless(cell)
    if isinstance(safe, str):
        return f' t="inlineStr"><is><t xml:space="preserve">{_text(safe)}</t></is>'
    return f"><v>{safe!r}</v>"


def _text(text: str) -> str:
    return escape(_UNHELD.sub(lambda found: f"_x{ord(found[0]):04X}_", text))
