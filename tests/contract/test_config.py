"""Wiring: one name a window, one duty a pin."""

import msgspec
import pytest

from contract.config import WindowPins, check_windows

FIRST = WindowPins("01", 1, 2, 3, light_satisfied=4)


def test_windows_that_share_nothing_are_fine() -> None:
    check_windows([FIRST, WindowPins("02", 5, 6, 7), WindowPins("03", 8, 9, 10, 11, 12, 13)])


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        (WindowPins("01", 5, 6, 7), "window 01 is named twice"),
        (WindowPins("02", 5, 1, 7), "pin 1 is both satisfied of window 01 and basic of window 02"),
        (WindowPins("02", 5, 6, 7, 8, 8), "pin 8 is both light_satisfied of window 02 and light_basic of window 02"),
        (WindowPins("02", 4, 6, 7), "pin 4 is both light_satisfied of window 01 and satisfied of window 02"),
        (WindowPins("02", 5, 6, 7, buzzer=2), "pin 2 is both basic of window 01 and buzzer of window 02"),
    ],
)
def test_a_name_or_pin_given_twice_is_named(other: WindowPins, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        check_windows([FIRST, other])


def test_a_windows_pins_by_level() -> None:
    bare, lit = WindowPins("01", 17, 27, 22), WindowPins("01", 17, 27, 22, 5, None, 13)
    assert bare.buttons == lit.buttons == {3: 17, 2: 27, 1: 22}
    assert bare.lights == {}
    assert lit.lights == {3: 5, 1: 13}


def test_a_buzzer_stands_on_the_wire_only_where_there_is_one() -> None:
    """A node of before the buzzer refuses a key that it does not know, and with it the whole configuration."""
    without, with_one = WindowPins("01", 17, 27, 22), WindowPins("01", 17, 27, 22, buzzer=19)
    assert b"buzzer" not in msgspec.json.encode(without)
    assert msgspec.json.decode(msgspec.json.encode(without), type=WindowPins) == without
    assert msgspec.json.decode(msgspec.json.encode(with_one), type=WindowPins).buzzer == 19
