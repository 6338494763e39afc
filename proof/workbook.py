"""Tables as an Excel workbook, as XlsxWriter writes it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format

from proof.sheet import GENERAL, Sheet, harmless

_HEAD = "#DCE6F1"
# Text stays text, whatever it begins with.
_PLAIN = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_WIDEST = 60
# What takes two columns of a screen, as Chinese does: letters from Hangul Jamo on.
_WIDE = re.compile("[\u1100-\U0010ffff]")


def write(file: Path, sheets: Sequence[Sheet]) -> None:
    """Write `sheets` into `file`; raises `OSError`."""
    try:
        with Workbook(file, _PLAIN) as book:
            head = book.add_format({"bold": True, "bg_color": _HEAD})
            formats = {column.shown for sheet in sheets for column in sheet.columns} - {GENERAL}
            shown = {text: book.add_format({"num_format": text}) for text in formats}
            for sheet in sheets:
                _fill(book, sheet, head, shown)
    except FileCreateError as bad:
        raise OSError(str(bad)) from bad


def _fill(book: Workbook, sheet: Sheet, head: Format, shown: Mapping[str, Format]) -> None:
    page = book.add_worksheet(sheet.title)
    row_at = 0
    for fact in sheet.facts:
        page.write_row(row_at, 0, [harmless(cell) for cell in fact])
        row_at += 1
    page.write_row(row_at, 0, [column.name for column in sheet.columns], head)
    page.freeze_panes(row_at + 1, 0)
    page.autofilter(row_at, 0, row_at + len(sheet.rows), len(sheet.columns) - 1)
    # A column's format holds for each of its cells that has none of its own.
    for at, column in enumerate(sheet.columns):
        # What stands in many rows is measured once.
        texts = {column.name, *(str(row[at] or "") for row in sheet.rows)}
        page.set_column(at, at, min(_WIDEST, max(map(_width, texts)) + 2), shown.get(column.shown))
    for number, row in enumerate(sheet.rows, start=row_at + 1):
        page.write_row(number, 0, [harmless(cell) for cell in row])


def _width(text: str) -> int:
    """How many columns of a screen the text takes, or more than `_WIDEST`, which it is shown in at most."""
    return len(text) + len(_WIDE.findall(text, 0, _WIDEST))
