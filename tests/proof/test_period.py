"""Periods by the names that people write, and nothing else."""

from datetime import date, timedelta
from itertools import pairwise

import pytest

from proof.period import period


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("2026", "2026-01-01", "2026-12-31"),
        ("2026H1", "2026-01-01", "2026-06-30"),
        ("2026H2", "2026-07-01", "2026-12-31"),
        ("2026Q1", "2026-01-01", "2026-03-31"),
        ("2026Q4", "2026-10-01", "2026-12-31"),
        ("2028-02", "2028-02-01", "2028-02-29"),
        ("2026-12", "2026-12-01", "2026-12-31"),
        ("2026W01", "2025-12-29", "2026-01-04"),
        ("2026W53", "2026-12-28", "2027-01-03"),
        ("2026-11-27", "2026-11-27", "2026-11-27"),
    ],
)
def test_a_name_and_its_days(name: str, first: str, last: str) -> None:
    assert period(name) == (name, date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(("names", "year"), [("H12", 2028), ("Q1234", 2027)])
def test_the_parts_of_a_year_are_the_year(names: str, year: int) -> None:
    parts = [period(f"{year}{names[0]}{number}") for number in names[1:]]
    assert (parts[0].first, parts[-1].last) == period(str(year))[1:]
    assert all(after.first - before.last == timedelta(1) for before, after in pairwise(parts))


@pytest.mark.parametrize(
    "name",
    ["", "x", "26", "2026Q", "2026Q0", "2026Q5", "2026H3", "2026-13", "2026-00", "2025W53", "2026W00", "2026-2-30",
     "2026-02-30", "20261127", "2026q4", "２０２６", "2026Q4\n", "0000", "2026-11-27T00",
     "9999", "9999Q4", "9999-12", "9999-12-31"],
)  # fmt: skip
def test_what_is_no_period_says_what_would_be(name: str) -> None:
    with pytest.raises(ValueError, match="expected a year") as bad:
        period(name)
    assert repr(name) in str(bad.value)


@pytest.mark.parametrize(
    ("name", "right"),
    [("2026Q04", "2026Q4"), ("2026H01", "2026H1"), ("2026-1", "2026-01"), ("2026W5", "2026W05")],
)
def test_a_period_has_one_name(name: str, right: str) -> None:
    """Else it could be published twice, in two chains of editions."""
    with pytest.raises(ValueError, match=f"period '{name}': it is written {right}$"):
        period(name)
