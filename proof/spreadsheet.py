"""Tables that offices exchange, as files: CSV and Excel (.xlsx)."""

import csv
import os
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from contract.errors import SettingsError
from proof.sheet import GENERAL, Cell, Column, Sheet

# Excel on a Chinese desktop writes CSV in the one or the other.
_ENCODINGS = ("utf-8-sig", "gb18030")
_SUFFIXES = (".csv", ".xlsx")
_HEAD = PatternFill("solid", fgColor="DCE6F1")
_WIDEST = 60
# The first letter of those that take two columns of a screen, as Chinese does: Hangul Jamo.
_WIDE = 0x1100
# A spreadsheet takes what begins with one of these for a formula, and would run it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def read(file: Path) -> list[Sequence[Cell]]:
    """Return the rows of a CSV file, or of the first sheet of an Excel one, by its suffix; raises `SettingsError`."""
    try:
        match file.suffix.lower():
            case ".csv":
                return list(csv.reader(_text(file).splitlines()))
            case ".xlsx":
                book = load_workbook(file, read_only=True, data_only=True)
                return [[_plain(cell) for cell in row] for row in book.worksheets[0].iter_rows(values_only=True)]
            case _:
                raise SettingsError(f"{file}: expected a table called .csv or .xlsx")
    except OSError as bad:
        raise SettingsError(f"{file} cannot be read: {bad.strerror or bad}") from bad
    except (zipfile.BadZipFile, KeyError, ValueError) as bad:
        raise SettingsError(f"{file} is no table that can be read: {bad}") from bad


def check(file: Path) -> None:
    """Raise `SettingsError` unless `file` has the suffix of a table that can be written."""
    if file.suffix.lower() not in _SUFFIXES:
        raise SettingsError(f"{file}: expected a name that ends in .csv or .xlsx")


def write(file: Path, sheets: Sequence[Sheet]) -> None:
    """Write `sheets` into `file`, whole or not at all; CSV holds the rows of all in one. Raises `SettingsError`."""
    check(file)
    half = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        if file.suffix.lower() == ".xlsx":
            _workbook(sheets).save(half)
        else:
            with half.open("w", encoding="utf-8-sig", newline="") as out:
                csv.writer(out).writerows(_rows(sheets))
        half.replace(file)
    except OSError as bad:
        raise SettingsError(f"{file} cannot be written: {bad.strerror or bad}") from bad
    finally:
        half.unlink(missing_ok=True)


def _text(file: Path) -> str:
    raw = file.read_bytes()
    for encoding in _ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SettingsError(f"{file} is neither UTF-8 nor GB 18030 text; save it as one of these, or as .xlsx")


def _plain(cell: object) -> Cell:
    """What a cell holds, where that is text or a number; of a date or a formula's error, how it reads."""
    return cell if isinstance(cell, str | int | float | None) else str(cell)


def _rows(sheets: Sequence[Sheet]) -> Iterable[Sequence[Cell]]:
    yield [column.name for column in sheets[0].columns]
    for sheet in sheets:
        for row in sheet.rows:
            yield [_as_shown(cell, column) for cell, column in zip(row, sheet.columns, strict=True)]


def _as_shown(cell: Cell, column: Column) -> Cell:
    """A fraction with as many decimals as a spreadsheet would show: K is 1.0320, and not 1.032."""
    if isinstance(cell, float) and "." in column.shown:
        return f"{cell:.{len(column.shown.partition('.')[2])}f}"
    return _harmless(cell)


def _harmless(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _workbook(sheets: Sequence[Sheet]) -> Workbook:
    book = Workbook()
    book.worksheets[0].title = sheets[0].title
    for number, sheet in enumerate(sheets):
        _fill(book.create_sheet(sheet.title) if number else book.worksheets[0], sheet)
    return book


def _fill(page: Worksheet, sheet: Sheet) -> None:
    for fact in sheet.facts:
        page.append(list(fact))
    page.append([column.name for column in sheet.columns])
    head = page.max_row
    for cell in page[head]:
        cell.font, cell.fill = Font(bold=True), _HEAD
    for row in sheet.rows:
        page.append([_harmless(cell) for cell in row])
    last = page.max_row
    page.freeze_panes = f"A{head + 1}"
    page.auto_filter.ref = f"A{head}:{get_column_letter(len(sheet.columns))}{last}"
    for at, column in enumerate(sheet.columns):
        widths = [_width(column.name), *(_width(row[at]) for row in sheet.rows)]
        page.column_dimensions[get_column_letter(at + 1)].width = min(_WIDEST, max(widths) + 2)
        if column.shown != GENERAL:
            for row_at in range(head + 1, last + 1):
                page.cell(row_at, at + 1).number_format = column.shown


def _width(cell: Cell) -> int:
    """How many columns of a screen the cell takes, of `_WIDEST` that it is shown in at most."""
    return sum(1 if ord(letter) < _WIDE else 2 for letter in str(cell or "")[:_WIDEST])
