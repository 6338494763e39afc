"""The numbers of lines: which there are, where each is, and what is printed beside it."""

import pytest

from contract.lines import ALLOWED, BUS, Line, line, spans


@pytest.mark.parametrize(
    ("pin", "found", "name"),
    [
        (0, Line(0, 0), "GPIO 0"),
        (27, Line(0, 27), "GPIO 27"),
        (100, Line(1, 0), "GPA0"),
        (103, Line(1, 3), "GPA3"),
        (107, Line(1, 7), "GPA7"),
        (108, Line(1, 8), "GPB0"),
        (115, Line(1, 15), "GPB7"),
        (800, Line(8, 0), "GPA0"),
        (815, Line(8, 15), "GPB7"),
    ],
)
def test_where_a_number_leads(pin: int, found: Line, name: str) -> None:
    assert line(pin) == found
    assert found.name == name


@pytest.mark.parametrize("pin", [-1, -100, 28, 99, 116, 199, 816, 900, 915, 10_000])
def test_what_is_no_line_is_refused_with_what_is_allowed(pin: int) -> None:
    with pytest.raises(ValueError, match=f"^there is no line {pin}; allowed: ") as bad:
        line(pin)
    assert ALLOWED in str(bad.value)


def test_the_spans_hold_every_line_and_nothing_else() -> None:
    there = set()
    for pin in range(-200, 1200):
        try:
            line(pin)
        except ValueError:
            continue
        there.add(pin)
    assert there == {pin for span in spans() for pin in range(span["minimum"], span["maximum"] + 1)}
    assert len(there) == 28 + 8 * 16
    assert there >= set(BUS)
