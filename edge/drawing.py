"""The drawing of a node's wiring: the header as one looks at it, and below it the chip of each expander. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from contract.lines import Line
from contract.rating import Level
from edge.expander import CHIP, GROUND, address, straps
from edge.expander import PINS as CHIP_PINS
from edge.language import EXPANDER, Language
from edge.wiring import GROUNDS, HEADER, POWER, WORDS, Wire, advice, expanders, named

_PINS = 40
_WIDTH, _MIDDLE, _TOP, _PITCH, _NOTE = 860, 430, 60, 26, 22
_PILL = 190
# Above a chip, for what it is called.
_HEAD = 60
_FONTS = "'Noto Sans CJK SC','Source Han Sans SC','Microsoft YaHei',sans-serif"
# On white paper, apart for the colour-blind too: blue, ochre, vermilion.
_COLOURS = {Level.SATISFIED: "#1D5FA8", Level.BASIC: "#8A6100", Level.DISSATISFIED: "#B3361B", 0: "#4B5563"}
_SUPPLY = {"3V3": "#D97706", "5V": "#DC2626"}
_FREE = "#9AA5B1"
_HEADER_GPIO: Mapping[int, int] = {pin: gpio for gpio, pin in HEADER.items()}
_CHIP_LINE: Mapping[int, int] = {pin: number for number, pin in CHIP.items()}
# What an expander needs besides its lines, by pin; `{ground}` and the straps are filled in.
_CHIP_REST: Mapping[int, str] = {
    9: "VDD → 3V3",
    GROUND: "VSS → {ground}",
    11: "NC",
    12: "SCL → GPIO 3",
    13: "SDA → GPIO 2",
    14: "NC",
    15: "A0 → {A0}",
    16: "A1 → {A1}",
    17: "A2 → {A2}",
    18: "RESET → 3V3",
    19: "INTB",
    20: "INTA → GPIO",
}


class _Spot(NamedTuple):
    """A pin at height `y`, in the right column or the left one, with what it is called and its colour when free."""

    pin: int
    right: bool
    y: int
    name: str
    colour: str = _FREE
    bold: bool = False


def svg(node: str, wired: Sequence[Wire], language: Language) -> str:
    """The header with pin 1 at the top left, and each expander, with the name of each wire beside its pin."""
    words = WORDS[language]
    notes = [words["orient"], *advice(wired, language)]
    body, chips = _TOP + _PITCH * _PINS // 2, expanders(wired)
    chip = _HEAD + _PITCH * CHIP_PINS // 2
    height = body + chip * len(chips) + _NOTE * len(notes) + 24
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
    title = escape(words["title"].format(node=node))
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{_FONTS}" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{_MIDDLE}" y="32" font-size="18" font-weight="700" text-anchor="middle">{title}</text>',
        *_board(_TOP, _PINS, _header(language), {w.pin: w for w in wired if not w.expander}, language),
    ]
    for at, number in enumerate(chips):
        top = body + chip * at + _HEAD
        head = f"{EXPANDER[language].format(number=number)} · MCP23017 · 0x{address(number):02x}"
        drawn.append(f'<text x="{_MIDDLE}" y="{top - 18}" font-weight="700" text-anchor="middle">{escape(head)}</text>')
        by_pin = {w.pin: w for w in wired if w.expander == number}
        drawn += _board(top, CHIP_PINS, _chip(number, top, language), by_pin, language)
    at = body + chip * len(chips) + 30
    for note in notes:
        drawn.append(f'<text x="24" y="{at}" fill="#3E4C59">{escape(note)}</text>')
        at += _NOTE
    return "\n".join([*drawn, "</svg>\n"])


def _board(
    top: int, pins: int, spots: Iterator[_Spot], by_pin: Mapping[int, Wire], language: Language
) -> Iterator[str]:
    """What carries two columns of `pins` in all, and each of them."""
    place = f'x="{_MIDDLE - _PITCH}" y="{top - 6}" width="{2 * _PITCH}" height="{_PITCH * pins // 2 + 8}"'
    yield f'<rect {place} rx="6" fill="#1F2933"/>'
    for spot in spots:
        yield from _drawn(spot, by_pin.get(spot.pin), language)


def _header(language: Language) -> Iterator[_Spot]:
    for pin in range(1, _PINS + 1):
        right, y = pin % 2 == 0, _TOP + (pin - 1) // 2 * _PITCH + _PITCH // 2
        if pin in GROUNDS:
            yield _Spot(pin, right, y, WORDS[language]["ground"], "#000", bold=True)
        elif supply := POWER.get(pin):
            yield _Spot(pin, right, y, supply, _SUPPLY[supply])
        else:
            yield _Spot(pin, right, y, Line(0, _HEADER_GPIO[pin]).name)


def _chip(number: int, top: int, language: Language) -> Iterator[_Spot]:
    """Pin 1 is at the top left, as beside the chip's notch, and they go round it."""
    ground = WORDS[language]["ground"]
    tied = {strap: "3V3" if level else ground for strap, level in straps(number).items()}
    for pin in range(1, CHIP_PINS + 1):
        right = pin > CHIP_PINS // 2
        row = CHIP_PINS - pin if right else pin - 1
        y = top + row * _PITCH + _PITCH // 2
        if pin in _CHIP_LINE:
            yield _Spot(pin, right, y, Line(number, _CHIP_LINE[pin]).name)
        else:
            yield _Spot(pin, right, y, _CHIP_REST[pin].format(ground=ground, **tied), "#000", bold=pin == GROUND)


def _drawn(spot: _Spot, wire: Wire | None, language: Language) -> list[str]:
    """One pin: its hole with its number, and beside it what it is for."""
    right, y = spot.right, spot.y
    x = _MIDDLE + (_PITCH // 2 if right else -_PITCH // 2)
    hole = _COLOURS[wire.level] if wire else spot.colour
    corner = 2 if spot.pin == 1 else 9
    square = f'<rect x="{x - 9}" y="{y - 9}" width="18" height="18" rx="{corner}" fill="{hole}"/>'
    number = f'<text x="{x}" y="{y + 4}" font-size="10" fill="#fff" text-anchor="middle">{spot.pin}</text>'
    side, anchor = (_MIDDLE + _PITCH + 14, "start") if right else (_MIDDLE - _PITCH - 14, "end")
    if wire is None:
        weight = ' font-weight="700"' if spot.bold else ""
        label = f'<text x="{side}" y="{y + 4}" fill="#7B8794" text-anchor="{anchor}"{weight}>{escape(spot.name)}</text>'
        return [square, number, label]
    left = side if right else side - _PILL
    fill, ink = (hole, "#fff") if wire.kind == "button" else ("#fff", hole)
    pill = (
        f'<rect x="{left}" y="{y - 11}" width="{_PILL}" height="22" rx="11" fill="{fill}" stroke="{hole}" '
        'stroke-width="1.5"/>'
    )
    said = escape(named(wire, language))
    label = f'<text x="{left + _PILL / 2:g}" y="{y + 4.5:g}" fill="{ink}" text-anchor="middle">{said}</text>'
    beyond, ends = (left + _PILL + 8, "start") if right else (left - 8, "end")
    place = f'x="{beyond}" y="{y + 4}" font-size="11" fill="#7B8794" text-anchor="{ends}"'
    return [square, number, pill, label, f"<text {place}>{spot.name}</text>"]
