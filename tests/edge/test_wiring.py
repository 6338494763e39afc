"""Which wire goes where: every pin of the header once, and a drawing that shows what the table says."""

import re
import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from contract.config import WindowPins
from edge.language import Language
from edge.wiring import GROUNDS, HEADER, POWER, advice, svg, table, wires

BARE = WindowPins("01", 17, 27, 22)
WHOLE = WindowPins("02", 23, 24, 25, 5, 6, 13, 19)


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


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_drawing_names_every_pin_and_every_wire(language: Language) -> None:
    wired = wires([BARE, WHOLE])
    drawn = svg("371721121-a1", wired, language)
    texts = [text.text or "" for text in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314
    assert [text for text in texts if re.fullmatch(r"\d+", text)] == [str(pin) for pin in range(1, 41)]
    for wire in wired:
        assert f"GPIO {wire.gpio}" in texts
    assert sum("02" in text for text in texts) == 7
    assert texts.count("地" if language == "zh" else "ground") == len(GROUNDS)
    assert "371721121-a1" in texts[0]


def test_the_drawing_in_the_docs_is_what_is_drawn_now() -> None:
    docs = Path(__file__).parents[2] / "docs"
    made = runpy.run_path(str(docs / "build.py"))["wiring"]()
    assert (docs / "wiring.svg").read_text(encoding="utf-8") == made, "run .venv/bin/python docs/build.py"
