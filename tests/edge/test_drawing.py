"""The drawing of a wiring shows what the table says."""

import re
import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from contract.config import WindowPins
from edge.drawing import svg
from edge.language import Language
from edge.wiring import GROUNDS, Wire, advice, wires

BARE = WindowPins("01", 17, 27, 22)
WHOLE = WindowPins("02", 23, 24, 25, 5, 6, 13, 19)
EXPANDED = WindowPins("09", 103, 108, 115, light_basic=807)


def texts(wired: list[Wire], language: Language) -> list[str]:
    drawn = ET.fromstring(svg("371721121-a1", wired, language))  # noqa: S314
    return [text.text or "" for text in drawn.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_drawing_names_every_pin_and_every_wire(language: Language) -> None:
    wired = wires([BARE, WHOLE])
    said = texts(wired, language)
    assert [text for text in said if re.fullmatch(r"\d+", text)] == [str(pin) for pin in range(1, 41)]
    for wire in wired:
        assert f"GPIO {wire.gpio}" in said
    assert sum("02" in text for text in said) == 7
    assert said.count("地" if language == "zh" else "ground") == len(GROUNDS)
    assert "371721121-a1" in said[0]


def test_the_drawing_in_the_docs_is_what_is_drawn_now() -> None:
    docs = Path(__file__).parents[2] / "docs"
    made = runpy.run_path(str(docs / "build.py"))["wiring"]()
    assert (docs / "wiring.svg").read_text(encoding="utf-8") == made, "run .venv/bin/python docs/build.py"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_each_expander_is_drawn_below_the_header_and_its_wires_nowhere_else(language: Language) -> None:
    said = texts(wires([BARE, EXPANDED]), language)
    numbers = [text for text in said if re.fullmatch(r"\d+", text)]
    assert len(numbers) == 40 + 2 * 28
    assert numbers[40:68] == numbers[68:] == [str(pin) for pin in range(1, 29)]
    assert sum("09" in text and "（" not in text and "(" not in text for text in said) == 4
    assert [text for text in said if "MCP23017" in text] == (
        ["扩展芯片 1 · MCP23017 · 0x20", "扩展芯片 8 · MCP23017 · 0x27"]
        if language == "zh"
        else ["expander 1 · MCP23017 · 0x20", "expander 8 · MCP23017 · 0x27"]
    )
    ground = "地" if language == "zh" else "ground"
    assert [text for text in said if re.match(r"A\d → ", text)] == [
        *(f"A{bit} → {ground}" for bit in range(3)),
        *(f"A{bit} → 3V3" for bit in range(3)),
    ]


def test_nothing_is_drawn_outside_of_it_nor_over_something_else() -> None:
    wired = wires([BARE, EXPANDED])
    drawn = ET.fromstring(svg("371721121-a1", wired, "en"))  # noqa: S314
    height = int(drawn.attrib["height"])
    holes = [
        (float(one.attrib["x"]), float(one.attrib["y"]))
        for one in drawn.iter("{http://www.w3.org/2000/svg}rect")
        if one.attrib.get("height") == "18"
    ]
    assert len(set(holes)) == len(holes) == 40 + 2 * 28
    notes = [
        float(one.attrib["y"])
        for one in drawn.iter("{http://www.w3.org/2000/svg}text")
        if one.attrib.get("fill") == "#3E4C59"
    ]
    assert len(notes) == 1 + len(advice(wired, "en"))
    assert max(y for _, y in holes) + 18 < min(notes) - 13
    assert max(notes) < height
