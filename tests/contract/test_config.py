"""Wiring: one name a window, one duty a pin, and no pin that there is not."""

import msgspec
import pytest

from contract.codec import decode_as, encode
from contract.config import NodeConfig, WindowPins, check_windows
from contract.errors import Refused

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
        (WindowPins("02", 5, 6, 100, light_basic=100), "pin 100 is both dissatisfied of window 02 and light_basic of "),
        (WindowPins("02", 5, 6, 100), "pin 2 is both basic of window 01 and a wire of the bus that expanders are on"),
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


@pytest.mark.parametrize("duty", WindowPins.__struct_fields__[1:])
def test_a_line_that_there_is_not_is_refused_by_its_duty_with_what_is_allowed(duty: str) -> None:
    good = {"satisfied": 4, "basic": 5, "dissatisfied": 6}
    for pin in (815, 100, 27, 0):
        assert getattr(WindowPins("01", **{**good, duty: pin}), duty) == pin
    for pin in (-1, 28, 99, 116, 200 + 16, 900):
        with pytest.raises(ValueError, match=f"^{duty}: there is no line {pin}; allowed: 0 to 27 of the header, 100 k"):
            WindowPins("01", **{**good, duty: pin})


def test_a_configuration_with_a_line_that_there_is_not_is_refused_and_one_of_an_expander_taken() -> None:
    taken = NodeConfig("371721121-a1", 1, [WindowPins("09", 100, 101, 102, 103, 104, 105, 815)], 0, 0)
    assert decode_as(encode(taken), NodeConfig) == taken
    with pytest.raises(Refused, match="basic: there is no line 116"):
        decode_as(encode(taken).replace(b"101", b"116"), NodeConfig)


def test_what_a_window_has_pins_for_by_its_key() -> None:
    assert WindowPins("01", 17, 27, 22).duties == {"satisfied": 17, "basic": 27, "dissatisfied": 22}
    more = {"light_satisfied": 5, "light_dissatisfied": 13, "buzzer": 0}
    assert WindowPins("01", 17, 27, 22, 5, None, 13, 0).duties == {**WindowPins("01", 17, 27, 22).duties, **more}


def test_the_wires_of_the_bus_are_free_where_there_is_no_expander() -> None:
    check_windows([WindowPins("01", 2, 3, 4)])
    check_windows([WindowPins("01", 0, 1, 4), WindowPins("02", 100, 101, 102)])
    with pytest.raises(ValueError, match="pin 3 is both light_basic of window 01 and a wire of the bus"):
        check_windows([WindowPins("01", 0, 1, 4, light_basic=3, buzzer=800)])
