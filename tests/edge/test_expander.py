"""The expander's chip: each of its pins once, and its addresses."""

import pytest

from edge.drawing import _CHIP_REST
from edge.expander import CHIP, GROUND, PINS, absent, address, overlay, straps


def test_every_pin_of_the_chip_has_one_use() -> None:
    assert sorted([*CHIP.values(), *_CHIP_REST]) == list(range(1, PINS + 1))
    assert GROUND not in CHIP.values()


@pytest.mark.parametrize(("number", "pin"), [(0, 21), (3, 24), (7, 28), (8, 1), (15, 8)])
def test_some_pins_as_the_data_sheet_has_them(number: int, pin: int) -> None:
    assert CHIP[number] == pin


@pytest.mark.parametrize(
    ("expander", "there", "tied"),
    [(1, 0x20, (0, 0, 0)), (2, 0x21, (1, 0, 0)), (7, 0x26, (0, 1, 1)), (8, 0x27, (1, 1, 1))],
)
def test_an_address_is_what_its_straps_say(expander: int, there: int, tied: tuple[int, int, int]) -> None:
    assert address(expander) == there
    assert straps(expander) == dict(zip(("A0", "A1", "A2"), tied, strict=True))


def test_what_is_said_of_one_that_is_absent() -> None:
    assert overlay(1, 4) == "dtoverlay=mcp23017,addr=0x20,gpiopin=4"
    assert absent(2, "no folder").startswith("pins: expander 2 (I2C address 0x21) does not answer: no folder; ")
    assert overlay(2, 4) in absent(2, "no folder")
    assert "/boot/firmware/config.txt" in absent(2, "no folder")
