"""The assessors' table: codes and scores as a spreadsheet hands them over, and errors that name the row."""

from decimal import Decimal

import pytest

from contract.errors import SettingsError
from proof.assessment import assessments
from proof.sheet import Cell


def test_headings_empty_rows_further_columns_and_numbers_of_a_spreadsheet() -> None:
    rows: list[list[Cell]] = [
        ["单位", "考核分", "备注"],
        ["371721001", "92.50"],
        [],
        [None, None, "end of the county"],
        [371722.0, 88, None],
        ["  city ", 90.25, "x"],
        [371721002, "0"],
    ]
    assert assessments(rows, "a.xlsx") == {
        "371721001": (Decimal("92.50"), 2),
        "371722": (Decimal(88), 5),
        "city": (Decimal("90.25"), 6),
        "371721002": (Decimal(0), 7),
    }


def test_a_table_without_a_heading() -> None:
    assert assessments([["371721", "80"]], "a.csv") == {"371721": (Decimal(80), 1)}
    assert assessments([], "a.csv") == {}


@pytest.mark.parametrize(
    "code", ["371721121", "371721", "city", "371721121-a1/01", "371721121:zw", "371721121;1", "３７"]
)
def test_an_error_in_the_first_row_is_no_heading(code: str) -> None:
    with pytest.raises(SettingsError) as bad:
        assessments([[code, "92.5分"], ["371722", 80]], "a.csv")
    assert str(bad.value).startswith(f"a.csv: row 1: score '92.5分' of '{code}': expected a number")


@pytest.mark.parametrize("heading", ["代码", "code", "Code", "unit", "单位", ""])
def test_what_a_heading_may_be_called(heading: str) -> None:
    assert assessments([[heading, "2026Q4 分"], ["371722", 80]], "a.csv") == {"371722": (Decimal(80), 2)}


@pytest.mark.parametrize("rows", [[["code", "score"]], [[None, None]], [[]]])
def test_a_table_without_a_figure(rows: list[list[Cell]]) -> None:
    with pytest.raises(SettingsError, match=r"a\.csv: there is no score in it: expected a code and a number of"):
        assessments(rows, "a.csv")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["371721", "ninety"], "row 3: score 'ninety' of '371721': expected a number"),
        (["371721", ""], "row 3: score '' of '371721'"),
        (["371721"], "row 3: score '' of '371721'"),
        (["371721", "-1"], "row 3: score '-1'"),
        (["371721", "NaN"], "row 3: score 'NaN'"),
        (["371721", "Infinity"], "row 3: score 'Infinity'"),
        (["371721", "1e30"], "row 3: score '1e30'"),
        (["371721", "9_2.5"], "row 3: score '9_2.5'"),
        (["371721", "９２"], "row 3: score '９２'"),
        (["371721", "1234567"], "row 3: score '1234567'"),
        (["371721", 278 / 3], "expected a number of at most 4 decimals, e.g. 92.5"),
        (["", "80"], "row 3: a score of 80 without a code"),
        (["371722", "81"], "row 3: 371722 was given a score before"),
    ],
)
def test_what_cannot_be_meant_names_its_row(row: list[Cell], said: str) -> None:
    with pytest.raises(SettingsError, match=r"a\.csv") as bad:
        assessments([["code", "score"], ["371722", 80], row], "a.csv")
    assert said in str(bad.value)
