"""Tables that offices exchange, as files: CSV and Excel (.xlsx)."""

import csv
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from openpyxl import load_workbook
from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format

from contract.errors import SettingsError
from proof.sheet import GENERAL, Cell, Column, Sheet

# Excel on a Chinese desktop writes CSV in the one or the other.
_ENCODINGS = ("utf-8-sig", "gb18030")
_SUFFIXES = (".csv", ".xlsx")
_HEAD = "#DCE6F1"
# Text stays text, whatever it begins with.
_PLAIN = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
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
            with Workbook(half, _PLAIN) as book:
                head = book.add_format({"bold": True, "bg_color": _HEAD})
                formats = {column.shown for sheet in sheets for column in sheet.columns} - {GENERAL}
                shown = {text: book.add_format({"num_format": text}) for text in formats}
                for sheet in sheets:
                    _fill(book, sheet, head, shown)
        else:
            with half.open("w", encoding="utf-8-sig", newline="") as out:
                csv.writer(out).writerows(_rows(sheets))
        half.replace(file)
    except OSError as bad:
        raise SettingsError(f"{file} cannot be written: {bad.strerror or bad}") from bad
    except FileCreateError as bad:
        raise SettingsError(f"{file} cannot be written: {bad}") from bad
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


def _fill(book: Workbook, sheet: Sheet, head: Format, shown: Mapping[str, Format]) -> None:
    page = book.add_worksheet(sheet.title)
    row_at = 0
    for fact in sheet.facts:
        page.write_row(row_at, 0, [_harmless(cell) for cell in fact])
        row_at += 1
    page.write_row(row_at, 0, [column.name for column in sheet.columns], head)
    page.freeze_panes(row_at + 1, 0)
    page.autofilter(row_at, 0, row_at + len(sheet.rows), len(sheet.columns) - 1)
    # A column's format holds for each of its cells that has none of its own.
    for at, column in enumerate(sheet.columns):
        widths = [_width(column.name), *(_width(row[at]) for row in sheet.rows)]
        page.set_column(at, at, min(_WIDEST, max(widths) + 2), shown.get(column.shown))
    for number, row in enumerate(sheet.rows, start=row_at + 1):
        page.write_row(number, 0, [_harmless(cell) for cell in row])


def _width(cell: Cell) -> int:
    """How many columns of a screen the cell takes, of `_WIDEST` that it is shown in at most."""
    return sum(1 if ord(letter) < _WIDE else 2 for letter in str(cell or "")[:_WIDEST])
