"""Tables that offices exchange, as files: CSV and Excel (.xlsx)."""

import csv
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from contract.errors import SettingsError
from proof.sheet import Cell, Column, Sheet, harmless

# Excel on a Chinese desktop writes CSV in the one or the other.
_ENCODINGS = ("utf-8-sig", "gb18030")
_SUFFIXES = (".csv", ".xlsx")


class Limits(NamedTuple):
    """How much of a table is read: `rows`, `columns` (what is beyond them is left out), and unpacked `size` in bytes.

    A few kilobytes of an Excel file can stand for gigabytes.
    """

    rows: int
    columns: int
    size: int


def read(file: Path) -> list[Sequence[Cell]]:
    """Return the rows of a CSV file, or of the first sheet of an Excel one, by its suffix; there is at least one.

    Raises `SettingsError`.
    """
    try:
        raw = file.read_bytes()
    except OSError as bad:
        raise SettingsError(f"{file} cannot be read: {bad.strerror or bad}") from bad
    return parse(str(file), raw)


def parse(name: str, raw: bytes, limits: Limits | None = None) -> list[Sequence[Cell]]:
    """Return the rows of the table `raw`, by the suffix of its `name`; there is at least one.

    Raises `SettingsError`, also for what is beyond `limits`.
    """
    try:
        rows = _rows_of(name, raw, limits)
    # What a parser of XML raises is a SyntaxError, be it Python's own or lxml, which is taken where it is installed.
    except (OSError, zipfile.BadZipFile, zlib.error, SyntaxError, LookupError, ValueError, NotImplementedError) as bad:
        raise SettingsError(f"{name} is no table that can be read: {bad}") from bad
    if not rows:
        raise SettingsError(f"{name}: there is no row in it")
    if limits is not None and len(rows) > limits.rows:
        raise SettingsError(f"{name}: more than {limits.rows} rows; cut it into several files")
    return rows


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
            from proof import workbook  # noqa: PLC0415  (as above)

            workbook.write(half, sheets)
        else:
            with half.open("w", encoding="utf-8-sig", newline="") as out:
                csv.writer(out).writerows(_rows(sheets))
        half.replace(file)
    except OSError as bad:
        raise SettingsError(f"{file} cannot be written: {bad.strerror or bad}") from bad
    finally:
        # Where it could not even be begun, because its folder is none, there is none to take away either.
        with suppress(OSError):
            half.unlink(missing_ok=True)


def _rows_of(name: str, raw: bytes, limits: Limits | None) -> list[Sequence[Cell]]:
    most = None if limits is None else limits.rows + 1
    columns = None if limits is None else limits.columns
    match Path(name).suffix.lower():
        case ".csv":
            rows = csv.reader(_text(name, raw).splitlines(), strict=True)
            try:
                return [row[:columns] for row in islice(rows, most)]
            except csv.Error as bad:
                raise ValueError(f"line {rows.line_num}: {bad}") from bad
        case ".xlsx":
            from openpyxl import load_workbook  # noqa: PLC0415  (takes longer to load than many a table to read)

            if limits is not None:
                _check_size(raw, limits.size)
            page = load_workbook(BytesIO(raw), read_only=True, data_only=True).worksheets[0]
            # A program that writes rows as they come cannot say how many there will be, and says A1.
            page.reset_dimensions()
            found = page.iter_rows(max_row=most, max_col=columns, values_only=True)
            return [[_plain(cell) for cell in row] for row in found]
        case _:
            raise SettingsError(f"{name}: expected a table called .csv or .xlsx")


# What of a workbook is read row by row, or is as long as its words.
_ROWS = ("xl/worksheets/", "xl/sharedStrings")
_MOST_REST = 4_000_000


def _check_size(raw: bytes, most: int) -> None:
    """`ValueError` where the file holds more than `most` bytes; of no part is more read than it says that it has."""
    with zipfile.ZipFile(BytesIO(raw)) as book:
        parts = book.infolist()
    size = sum(part.file_size for part in parts)
    if size > most:
        raise ValueError(f"it holds {size} bytes, and at most {most} are read")
    # Whatever is no row is held in memory as a whole, many times as large.
    rest = sum(part.file_size for part in parts if not part.filename.startswith(_ROWS))
    if rest > _MOST_REST:
        raise ValueError(f"beside its rows it holds {rest} bytes, and at most {_MOST_REST} are read")
    if any(part.flag_bits & 1 for part in parts):
        raise ValueError("it is locked by a password")


def _text(name: str, raw: bytes) -> str:
    for encoding in _ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SettingsError(f"{name} is neither UTF-8 nor GB 18030 text; save it as one of these, or as .xlsx")


def _plain(cell: object) -> Cell:
    """What a cell holds, where that is text or a number; of a date or a formula's error, how it reads."""
    return cell if isinstance(cell, str | int | float | None) else str(cell)


def _rows(sheets: Sequence[Sheet]) -> Iterable[Sequence[Cell]]:
    yield [column.name for column in sheets[0].columns]
    for sheet in sheets:
        as_shown = [_as_shown(column) for column in sheet.columns]
        for row in sheet.rows:
            yield [shown(cell) for shown, cell in zip(as_shown, row, strict=True)]


def _as_shown(column: Column) -> Callable[[Cell], Cell]:
    """How a cell is written: a fraction with as many decimals as a spreadsheet shows; K is 1.0320, and not 1.032."""
    _, point, decimals = column.shown.partition(".")
    if not point:
        return harmless
    form = f"%.{len(decimals)}f"
    return lambda cell: form % cell if isinstance(cell, float) else harmless(cell)
