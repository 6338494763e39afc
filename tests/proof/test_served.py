"""How many were served: whole numbers by code, and errors that name the row and the unit."""

from fractions import Fraction

import pytest

from contract.errors import SettingsError
from proof.given import Given
from proof.participation import Participation
from proof.scores import POINTS
from proof.served import participations, served
from proof.sheet import Cell
from proof.units import Kind, Unit

TOWNSHIP, QUIET = (Unit(Kind.TOWNSHIP, code, "x", "x") for code in ("371721001", "371721002"))


def test_a_heading_and_numbers_of_a_spreadsheet() -> None:
    rows: list[list[Cell]] = [["单位", "办理人次"], ["371721001", 1200.0], [], ["city", "90000", "x"], [371722, 0]]
    assert served(rows, "s.xlsx") == {"371721001": (1200, 2), "city": (90_000, 4), "371722": (0, 5)}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["371721", "many"], "row 3: number 'many' of '371721': expected a whole number of people served, e.g. 1200"),
        (["371721", "12.5"], "row 3: number '12.5'"),
        (["371721", 12.5], "row 3: number '12.5'"),
        (["371721", "-1"], "row 3: number '-1'"),
        (["371721", "1_000"], "row 3: number '1_000'"),
        (["371721", "１２"], "row 3: number '１２'"),
        (["371721", ""], "row 3: number ''"),
        (["371721", "9" * 5000], "row 3: number '999"),
        (["", 80], "row 3: a number of 80 without a code"),
        (["371722", 81], "row 3: 371722 was given a number before"),
    ],
)
def test_what_cannot_be_meant_names_its_row(row: list[Cell], said: str) -> None:
    with pytest.raises(SettingsError, match=r"s\.csv") as bad:
        served([["code", "served"], ["371722", 80], row], "s.csv")
    assert said in str(bad.value)


def test_only_who_is_named_and_served_somebody() -> None:
    counts = {TOWNSHIP: (3, 0, 1), QUIET: (0, 0, 0)}
    known = Participation(Fraction(2, 5), Fraction(3, 10), Fraction(9, 10))
    assert participations(counts, {TOWNSHIP.code: Given(10, 2)}, POINTS, "s.csv") == {TOWNSHIP.code: known}
    assert participations(counts, {QUIET.code: Given(0, 2)}, POINTS, "s.csv") == {}
    assert participations(counts, {}, POINTS, "s.csv") == {}


def test_more_ratings_than_people_name_the_row_and_the_unit() -> None:
    with pytest.raises(SettingsError, match=r"^s\.csv: row 7: 371721001: 3 served, but 4 ratings; look up"):
        participations({TOWNSHIP: (3, 0, 1)}, {TOWNSHIP.code: Given(3, 7)}, POINTS, "s.csv")
