"""Tables as files: what is written is read back, in both formats; what cannot be read says so."""

import os
import re
import zipfile
from collections.abc import Callable
from datetime import date
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import NoReturn

import pytest
import xlsxwriter
from openpyxl import Workbook, load_workbook

from contract.errors import SettingsError
from proof.sheet import Cell, Column, Sheet
from proof.sheetxml import filled
from proof.spreadsheet import Limits, parse, read, write

PLACES = Sheet(
    "乡镇",
    [["facts"]],
    [Column("单位"), Column("评价数", "#,##0"), Column("K", "0.0000")],
    [["曹城", 1234, 1.032], ["=1+1", 0, None]],
)
WINDOWS = PLACES._replace(title="窗口", rows=[["371721001-a1/01", 7, 0.95]])


def test_excel(tmp_path: Path) -> None:
    file = tmp_path / "r.xlsx"
    write(file, [PLACES, WINDOWS])

    assert [path.name for path in tmp_path.iterdir()] == ["r.xlsx"]
    book = load_workbook(file)
    assert book.sheetnames == ["乡镇", "窗口"]
    page = book["乡镇"]
    assert page.freeze_panes == "A3"
    assert page.auto_filter.ref == "A2:C4"
    assert [page.cell(3, at).number_format for at in (1, 2, 3)] == ["General", "#,##0", "0.0000"]
    # What looks like a formula is text.
    assert page.cell(4, 1).value == "'=1+1"
    assert read(file) == [["facts"], ["单位", "评价数", "K"], ["曹城", 1234, 1.032], ["'=1+1", 0]]


def test_the_rows_of_a_workbook_are_what_its_library_would_write(tmp_path: Path) -> None:
    """Of texts that XML, Excel or its readers have something against, and of figures to their last bit."""
    texts: list[Cell] = [
        "",
        " a ",
        "a\nb\tc\rd",
        "<&>\"'",
        "\x00\x0b\x1f\ufffe\uffff",
        "_x0041_ _x00",
        "𠮷満",
        "1",
        "'=1",
    ]
    figures: list[Cell] = [0, -7, 371721001, 2**53 - 1, 0.0, 85.1, -0.05, 1e-7, 1.5e300, 0.1 + 0.2]
    # Also where a row begins and ends with an empty cell, and beyond the columns that have a letter of their own.
    row = [None, *texts, *figures, None, *texts, *figures, None]
    rows, empty = [row, [*reversed(row)]], [None] * len(row)
    columns = [Column(f"{at}", "0.0" if at % 3 else "General") for at in range(len(row))]
    write(tmp_path / "ours.xlsx", [PLACES, Sheet("s", [], columns, [rows[0], empty, rows[1]])])
    # In this mode it has each text in its cell, too.
    options = {"constant_memory": True, "strings_to_formulas": False}
    with xlsxwriter.Workbook(tmp_path / "theirs.xlsx", options) as book:
        page, shown = book.add_worksheet("s"), book.add_format({"num_format": "0.0"})
        for at, column in enumerate(columns):
            page.set_column(at, at, 9, shown if column.shown == "0.0" else None)
        for number, cells in enumerate([[column.name for column in columns], rows[0], empty, rows[1]]):
            page.write_row(number, 0, cells)

    ours, theirs = (load_workbook(tmp_path / name)["s"] for name in ("ours.xlsx", "theirs.xlsx"))
    assert ours.dimensions == theirs.dimensions
    for cell, other in zip(chain(*ours.iter_rows(min_row=2)), chain(*theirs.iter_rows(min_row=2)), strict=True):
        assert cell.number_format == other.number_format
        # Theirs have sixteen digits.
        assert cell.value == (pytest.approx(other.value, rel=1e-15) if isinstance(other.value, float) else other.value)
    assert [cell.value for cell in ours[2] if isinstance(cell.value, int | float)] == [*figures, *figures]


def test_text_that_looks_like_its_library_s_own_xml(tmp_path: Path) -> None:
    write(tmp_path / "r.xlsx", [PLACES._replace(rows=[["<r>a</r>", 1, 1.0]])])
    assert read(tmp_path / "r.xlsx")[2] == ["<r>a</r>", 1, 1.0]


def test_a_page_without_a_place_for_rows_is_never_one_without_rows() -> None:
    with pytest.raises(ValueError, match="not found"):
        filled(b"<worksheet/>", PLACES)


def test_a_workbook_without_rows(tmp_path: Path) -> None:
    write(tmp_path / "r.xlsx", [PLACES._replace(rows=[])])
    page = load_workbook(tmp_path / "r.xlsx")["乡镇"]
    assert (page.dimensions, page.auto_filter.ref) == ("A1:C2", "A2:C2")


def test_what_kind_of_file_it_is_stands_first_in_a_workbook(tmp_path: Path) -> None:
    """By this programs tell it from other archives; and its parts have a date that tells nothing."""
    write(tmp_path / "r.xlsx", [PLACES])
    with zipfile.ZipFile(tmp_path / "r.xlsx") as book:
        assert book.testzip() is None
        assert book.namelist()[0] == "[Content_Types].xml"
        assert {part.date_time for part in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {part.compress_type for part in book.infolist()} == {zipfile.ZIP_DEFLATED}


def test_csv_holds_the_rows_of_all(tmp_path: Path) -> None:
    file = tmp_path / "r.CSV"
    write(file, [PLACES, WINDOWS])
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    assert read(file) == [
        ["单位", "评价数", "K"],
        ["曹城", "1234", "1.0320"],
        ["'=1+1", "0", ""],
        ["371721001-a1/01", "7", "0.9500"],
    ]


def test_what_excel_on_a_chinese_desktop_saves(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes("单位,考核分\r\n371721,92.5\r\n".encode("gb18030"))
    assert read(file) == [["单位", "考核分"], ["371721", "92.5"]]


def test_a_date_is_read_as_its_text(tmp_path: Path) -> None:
    book = Workbook()
    book.worksheets[0].append(["371721", date(2026, 11, 27)])
    book.save(tmp_path / "a.xlsx")
    assert read(tmp_path / "a.xlsx") == [["371721", "2026-11-27 00:00:00"]]


def remade(file: Path, part: str, change: Callable[[bytes], bytes]) -> None:
    """Save a small table as `file`, with one `part` of the archive changed."""
    made = file.with_name("made.xlsx")
    book = Workbook()
    for row in (["code", "score"], ["371721121", 92.5], ["371721", 88]):
        book.worksheets[0].append(row)
    book.save(made)
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))


def test_what_a_sheet_says_of_its_own_size_is_not_believed(tmp_path: Path) -> None:
    """A program that writes rows as they come writes A1, and knows no better."""
    first = "xl/worksheets/sheet1.xml"
    remade(tmp_path / "a.xlsx", first, lambda text: re.sub(b'<dimension ref="[^"]*"', b'<dimension ref="A1"', text))
    assert read(tmp_path / "a.xlsx") == [["code", "score"], ["371721121", 92.5], ["371721", 88]]


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "[Content_Types].xml"])
def test_a_damaged_archive(tmp_path: Path, part: str) -> None:
    remade(tmp_path / "a.xlsx", part, lambda text: text[:150])
    with pytest.raises(SettingsError, match=r"a\.xlsx is no table that can be read"):
        read(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        # A quote that nobody closed would take the rows behind it into one cell.
        ("a.csv", b'371721,90,"a\n371722,88\n', "line 2: unexpected end of data"),
        ("a.csv", b'371721,90,"' + b"x" * 150_000, "line 1: field larger than field limit"),
        ("a.csv", b"", "there is no row in it"),
        ("a.csv", None, "cannot be read: No such file"),
        ("a.xlsx", None, "cannot be read: No such file"),
        ("a.csv", b"\xff\xff\xff", "neither UTF-8 nor GB 18030"),
        ("a.xlsx", b"rubbish", "is no table that can be read"),
        ("a.ods", b"x", "expected a table called .csv or .xlsx"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=said):
        read(tmp_path / name)


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="expected a name that ends in"):
        write(tmp_path / "r.pdf", [PLACES])
    with pytest.raises(SettingsError, match="cannot be written"):
        write(tmp_path / "nowhere" / "r.csv", [PLACES])
    with pytest.raises(SettingsError, match="cannot be written"):
        write(tmp_path / "nowhere" / "r.xlsx", [PLACES])
    (tmp_path / "r.xlsx").mkdir()
    with pytest.raises(SettingsError, match="cannot be written"):
        write(tmp_path / "r.xlsx", [PLACES])
    assert [path.name for path in tmp_path.iterdir()] == ["r.xlsx"]
    (tmp_path / "a.csv").touch()
    for name in ("x.csv", "x.xlsx"):
        with pytest.raises(SettingsError, match="cannot be written"):
            write(tmp_path / "a.csv" / name, [PLACES])


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    half = tmp_path / f".r{suffix}.{os.getpid()}"
    half.symlink_to("/dev/full")
    with pytest.raises(SettingsError, match=rf"r\{suffix} cannot be written: No space left on device"):
        write(tmp_path / f"r{suffix}", [PLACES])
    assert list(tmp_path.iterdir()) == []


class Interrupted(list[list[Cell]]):
    """Rows in the midst of which somebody presses Ctrl-C."""

    def __iter__(self) -> NoReturn:
        raise KeyboardInterrupt


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_an_interrupted_table_leaves_what_was_there(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"r{suffix}"
    file.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt):
        write(file, [PLACES, WINDOWS._replace(rows=Interrupted())])
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_bytes() == b"before"


def test_a_column_is_as_wide_as_its_widest_cell_and_sixty_at_most(tmp_path: Path) -> None:
    """A Chinese letter takes two columns, and the frame of a cell takes two more."""
    file = tmp_path / "r.xlsx"
    rows: list[list[Cell]] = [["曹城街道", 1234567, None], ["Caocheng", 0, "a" * 20 + "满意" * 30]]
    write(file, [Sheet("s", [["not measured: " + "x" * 40]], [Column("单位"), Column("n"), Column("Why")], rows)])
    page = load_workbook(file)["s"]
    assert [page.column_dimensions[letter].width for letter in "ABC"] == [
        pytest.approx(10, abs=1),
        pytest.approx(9, abs=1),
        pytest.approx(60, abs=1),
    ]


LIMITS = Limits(rows=3, columns=2, size=100_000)


def packed(rows: int, columns: int) -> bytes:
    made, out = Workbook(), BytesIO()
    assert made.active is not None
    made.active.cell(rows, columns, "x")
    made.save(out)
    return out.getvalue()


def test_no_more_is_read_than_is_allowed() -> None:
    assert parse("x.csv", b"a,b,c\nd,e,f", LIMITS) == [["a", "b"], ["d", "e"]]
    for name, raw in (("x.csv", b"a\n" * 4), ("x.xlsx", packed(1_000_000, 1))):
        with pytest.raises(SettingsError, match="more than 3 rows"):
            parse(name, raw, LIMITS)
    # A single cell at the far end is sixteen thousand columns wide.
    assert parse("x.xlsx", packed(2, 16_000), LIMITS) == [[None, None], [None, None]]


def test_a_small_file_that_unpacks_to_a_large_one_is_refused_unread() -> None:
    out = BytesIO(packed(1, 1))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/large.xml", b" " * 10_000_000)
    assert len(out.getvalue()) < 100_000
    with pytest.raises(SettingsError, match="at most 100000 are read"):
        parse("x.xlsx", out.getvalue(), LIMITS)
