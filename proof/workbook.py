"""Tables as an Excel workbook: XlsxWriter makes it, and the many rows are written into what it made."""

import re
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from xlsxwriter import Workbook
from xlsxwriter.format import Format

from proof.sheet import GENERAL, Sheet, harmless
from proof.sheetxml import filled

_HEAD = "#DCE6F1"
# Text stays text, whatever it begins with.
_PLAIN = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_WIDEST = 60
# What takes two columns of a screen, as Chinese does: letters from Hangul Jamo on.
_WIDE = re.compile("[\u1100-\U0010ffff]")


def write(file: Path, sheets: Sequence[Sheet]) -> None:
    """Write `sheets` into `file`; raises `OSError`."""
    with ZipFile(_bare(sheets)) as bare, ZipFile(file, "w", ZIP_DEFLATED) as whole:
        parts = {part: bare.read(part) for part in bare.namelist()}
        for number, sheet in enumerate(sheets, start=1):
            page = f"xl/worksheets/sheet{number}.xml"
            parts[page] = filled(parts[page], sheet)
        # In their order, by which programs tell a workbook, and with their dates, which are all alike.
        for part in bare.infolist():
            whole.writestr(part, parts[part.filename])


def _bare(sheets: Sequence[Sheet]) -> BytesIO:
    """A workbook with all but the rows of `sheets`."""
    made = BytesIO()
    with Workbook(made, _PLAIN) as book:
        head = book.add_format({"bold": True, "bg_color": _HEAD})
        formats = {column.shown for sheet in sheets for column in sheet.columns} - {GENERAL}
        shown = {text: book.add_format({"num_format": text}) for text in formats}
        for sheet in sheets:
            _begin(book, sheet, head, shown)
    return made


def _begin(book: Workbook, sheet: Sheet, head: Format, shown: Mapping[str, Format]) -> None:
    page = book.add_worksheet(sheet.title)
    row_at = 0
    for fact in sheet.facts:
        page.write_row(row_at, 0, [harmless(cell) for cell in fact])
        row_at += 1
    page.write_row(row_at, 0, [column.name for column in sheet.columns], head)
    page.freeze_panes(row_at + 1, 0)
    page.autofilter(row_at, 0, row_at + len(sheet.rows), len(sheet.columns) - 1)
    # A column's format holds for each of its cells.
    for at, column in enumerate(sheet.columns):
        # What stands in many rows is measured once.
        texts = {column.name, *map(str, {row[at] for row in sheet.rows} - {None})}
        page.set_column(at, at, min(_WIDEST, max(map(_width, texts)) + 2), shown.get(column.shown))


def _width(text: str) -> int:
    """How many columns of a screen the text takes, or more than `_WIDEST`, which it is shown in at most."""
    return len(text) + len(_WIDE.findall(text, 0, _WIDEST))
