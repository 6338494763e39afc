"""Which wire goes where: every pin of the header once, and what whoever wires it is told."""

import pytest

from contract.config import WindowPins
from edge.language import Language
from edge.wiring import GROUNDS, HEADER, POWER, advice, expanders, table, wires

BARE = WindowPins("01", 17, 27, 22)
WHOLE = WindowPins("02", 23, 24, 25, 5, 6, 13, 19)
EXPANDED = WindowPins("09", 103, 108, 115, light_basic=807)


def test_the_header_has_forty_pins_each_of_one_use() -> None:
    assert sorted([*HEADER.values(), *GROUNDS, *POWER]) == list(range(1, 41))
    assert sorted(HEADER) == list(range(28))


@pytest.mark.parametrize(("gpio", "pin"), [(2, 3), (17, 11), (27, 13), (22, 15), (14, 8), (21, 40), (26, 37), (7, 26)])
def test_some_pins_as_every_printed_card_has_them(gpio: int, pin: int) -> None:
    assert HEADER[gpio] == pin


def test_a_wire_for_each_button_light_and_buzzer_with_a_ground_beside_it() -> None:
    found = wires([BARE, WHOLE])
    assert [(w.window, w.kind, w.level, w.gpio) for w in found] == [
        *(("01", "button", 3, 17), ("01", "button", 2, 27), ("01", "button", 1, 22)),
        *(("02", "button", 3, 23), ("02", "button", 2, 24), ("02", "button", 1, 25)),
        *(("02", "light", 3, 5), ("02", "light", 2, 6), ("02", "light", 1, 13)),
        ("02", "buzzer", 0, 19),
    ]
    by_pin = {wire.pin: wire.ground for wire in found}
    assert (by_pin[11], by_pin[13], by_pin[16], by_pin[35]) == (9, 14, 14, 34)


def test_eight_windows_of_three_buttons_find_room() -> None:
    windows = [WindowPins(f"{number + 1:02d}", *range(4 + 3 * number, 7 + 3 * number)) for number in range(8)]
    assert len({wire.pin for wire in wires(windows)}) == 24


@pytest.mark.parametrize(
    ("language", "first", "last"),
    [
        ("zh", ["01", "满意按键", "17", "11", "9"], ["02", "蜂鸣器", "19", "35", "34"]),
        ("en", ["01", "satisfied button", "17", "11", "9"], ["02", "buzzer", "19", "35", "34"]),
    ],
)
def test_the_table(language: Language, first: list[str], last: list[str]) -> None:
    rows = table(wires([BARE, WHOLE]), language)
    assert (rows[1], rows[-1], len(rows)) == (first, last, 11)
    assert all(len(row) == 5 for row in rows)


def test_advice_is_of_what_is_there_and_of_special_pins() -> None:
    assert len(advice(wires([BARE]), "zh")) == 1
    assert len(advice(wires([WHOLE]), "en")) == 3
    special = wires([WindowPins("01", 0, 2, 14, light_satisfied=3)])
    assert advice(special, "en")[2:] == [
        "GPIO 0 (window 01 satisfied button) names an add-on board: not to be used where one is plugged in",
        "GPIO 14 (window 01 dissatisfied button) is the serial port: turn its console off first (raspi-config)",
        "GPIO 3 (window 01 satisfied light) is pulled up by 1.8 kΩ on the board: fine for a button, not for this",
    ]


@pytest.mark.parametrize(
    ("language", "row"),
    [
        ("zh", ["09", "满意按键", "扩展芯片 1 GPA3", "24", "10"]),
        ("en", ["09", "satisfied button", "expander 1 GPA3", "24", "10"]),
    ],
)
def test_a_row_of_an_expander_has_the_pins_of_its_chip(language: Language, row: list[str]) -> None:
    assert table(wires([BARE, EXPANDED]), language)[4] == row
    assert [(wire.expander, wire.pin) for wire in wires([EXPANDED])] == [(1, 24), (1, 1), (1, 8), (8, 28)]


def test_advice_on_expanders_says_how_each_is_connected() -> None:
    bare, expanded = advice(wires([BARE]), "en"), advice(wires([EXPANDED]), "en")
    assert not any("expander" in said for said in bare)
    assert not any(said.startswith("button:") for said in expanded)
    told = "\n".join(expanded)
    for part in ("10 kΩ from the line to 3V3", "VDD, RESET to 3V3 (pin 1)", "SDA to GPIO 2 (pin 3)", "SCL to GPIO 3"):
        assert part in told
    assert "expander 1 GPB7 (window 09 dissatisfied button) is an output only" in told
    assert "expander 8 GPA7" not in told  # a light may be there
    for number, tied, there in ((1, "0 0 0", "0x20"), (8, "1 1 1", "0x27")):
        assert f"expander {number}: A2 A1 A0 = {tied} (1: 3V3, 0: ground); in config.txt: dtoverlay=mcp23017," in told
        assert f"dtoverlay=mcp23017,addr={there},gpiopin=" in told
    assert len(advice(wires([EXPANDED]), "zh")) == len(expanded)
    assert expanders(wires([BARE, EXPANDED])) == [1, 8]
