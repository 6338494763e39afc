"""How the windows of a node are wired to the 40-pin header of a Raspberry Pi: as a table and as a drawing. Pure.

Source of the header: Raspberry Pi documentation, "GPIO and the 40-pin header"; the same from the Pi 2 to the Pi 5.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple
from xml.sax.saxutils import escape

from contract.config import WindowPins
from contract.rating import Level
from edge.language import LEVELS, Language

# Where each Broadcom number comes out.
HEADER: Mapping[int, int] = {
    0: 27,
    1: 28,
    2: 3,
    3: 5,
    4: 7,
    5: 29,
    6: 31,
    7: 26,
    8: 24,
    9: 21,
    10: 19,
    11: 23,
    12: 32,
    13: 33,
    14: 8,
    15: 10,
    16: 36,
    17: 11,
    18: 12,
    19: 35,
    20: 38,
    21: 40,
    22: 15,
    23: 16,
    24: 18,
    25: 22,
    26: 37,
    27: 13,
}
GROUNDS = (6, 9, 14, 20, 25, 30, 34, 39)
POWER = {1: "3V3", 17: "3V3", 2: "5V", 4: "5V"}
_PINS = 40
# What a Pi may want for itself.
_EEPROM = (0, 1)
_PULLED_UP = (2, 3)
_SERIAL = (14, 15)

Kind = Literal["button", "light", "buzzer"]

_KINDS: Mapping[Language, Mapping[Kind, str]] = {
    "zh": {"button": "按键", "light": "灯", "buzzer": "蜂鸣器"},
    "en": {"button": "button", "light": "light", "buzzer": "buzzer"},
}
_WORDS: Mapping[Language, Mapping[str, str]] = {
    "zh": {
        "head": "窗口 部件 GPIO 针脚 就近的地",
        "ground": "地",
        "part": "{window} 号窗 {level}{kind}",
        "eeprom": "GPIO {pin}（{part}）是扩展板识别用的针脚：插有扩展板时不能用",
        "pulled": "GPIO {pin}（{part}）板上有 1.8 kΩ 上拉电阻：接按键可以，接灯或蜂鸣器会微亮、微响",
        "serial": "GPIO {pin}（{part}）是串口：先用 raspi-config 关闭串口登录",
        "button": "按键：一端接针脚，另一端接地；用板内上拉，不需要电阻",
        "light": "灯：针脚 → 330 Ω → 发光二极管 → 地；超过 8 mA 的灯或 12 V 的灯要经三极管",
        "buzzer": "蜂鸣器：有源、3.3 V、不超过 8 mA；更大的经三极管",
        "title": "{node} 接线图",
        "orient": "1 号针脚在板角、靠近存储卡的一端；双号一列靠板边",
    },
    "en": {
        "head": "window part GPIO pin ground",
        "ground": "ground",
        "part": "window {window} {level} {kind}",
        "eeprom": "GPIO {pin} ({part}) names an add-on board: not to be used where one is plugged in",
        "pulled": "GPIO {pin} ({part}) is pulled up by 1.8 kΩ on the board: fine for a button, not for this",
        "serial": "GPIO {pin} ({part}) is the serial port: turn its console off first (raspi-config)",
        "button": "button: one leg to its pin, the other to ground; the Pi's own pull-up serves, no resistor",
        "light": "light: pin → 330 Ω → LED → ground; above 8 mA, or at 12 V, by way of a transistor",
        "buzzer": "buzzer: an active one of 3.3 V, 8 mA at most; a larger one by way of a transistor",
        "title": "wiring of {node}",
        "orient": "pin 1 is at the corner next to the card; the even column is along the board's edge",
    },
}


class Wire(NamedTuple):
    """One wire: `kind` of `window`, of `level` (0 for a buzzer), on BCM number `gpio`, which is header pin `pin`."""

    window: str
    kind: Kind
    level: int
    gpio: int
    pin: int
    ground: int


def wires(windows: Iterable[WindowPins]) -> list[Wire]:
    """Every wire of `windows`, window by window: buttons, lights, buzzer."""
    found = []
    for window in windows:
        of: list[tuple[Kind, int, int]] = [("button", level, pin) for level, pin in window.buttons.items()]
        of += [("light", level, pin) for level, pin in window.lights.items()]
        if isinstance(window.buzzer, int):
            of.append(("buzzer", 0, window.buzzer))
        for kind, level, gpio in of:
            pin = HEADER[gpio]
            found.append(Wire(window.id, kind, level, gpio, pin, min(GROUNDS, key=lambda one: (_far(pin, one), one))))
    return found


def table(wired: Sequence[Wire], language: Language) -> list[list[str]]:
    """The wires as rows of cells, the first of them the head."""
    head = _WORDS[language]["head"].split()
    rows = [[w.window, _part(w, language), str(w.gpio), str(w.pin), str(w.ground)] for w in wired]
    return [head, *rows]


def advice(wired: Sequence[Wire], language: Language) -> list[str]:
    """What whoever wires it should know: of each kind of part that there is, and of pins that are special."""
    words, kinds = _WORDS[language], {wire.kind for wire in wired}
    said = [words[kind] for kind in ("button", "light", "buzzer") if kind in kinds]
    for wire in wired:
        special = (
            "eeprom"
            if wire.gpio in _EEPROM
            else "serial"
            if wire.gpio in _SERIAL
            else "pulled"
            if wire.gpio in _PULLED_UP and wire.kind != "button"
            else None
        )
        if special is not None:
            said.append(words[special].format(pin=wire.gpio, part=_name(wire, language)))
    return said


def svg(node: str, wired: Sequence[Wire], language: Language) -> str:
    """The header as one looks at it, pin 1 at the top left, with the name of each wire beside its pin."""
    words, by_pin = _WORDS[language], {wire.pin: wire for wire in wired}
    notes = [words["orient"], *advice(wired, language)]
    height = _TOP + _PITCH * _PINS // 2 + _NOTE * len(notes) + 24
    size = f'width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
    title = escape(words["title"].format(node=node))
    board = f'x="{_MIDDLE - _PITCH}" y="{_TOP - 6}" width="{2 * _PITCH}" height="{_PITCH * _PINS // 2 + 8}"'
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{_FONTS}" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{_MIDDLE}" y="32" font-size="18" font-weight="700" text-anchor="middle">{title}</text>',
        f'<rect {board} rx="6" fill="#1F2933"/>',
    ]
    for pin in range(1, _PINS + 1):
        drawn += _drawn(pin, by_pin.get(pin), language)
    at = _TOP + _PITCH * _PINS // 2 + 30
    for note in notes:
        drawn.append(f'<text x="24" y="{at}" fill="#3E4C59">{escape(note)}</text>')
        at += _NOTE
    return "\n".join([*drawn, "</svg>\n"])


_WIDTH, _MIDDLE, _TOP, _PITCH, _NOTE = 860, 430, 60, 26, 22
_PILL = 190
_FONTS = "'Noto Sans CJK SC','Source Han Sans SC','Microsoft YaHei',sans-serif"
# On white paper, apart for the colour-blind too: blue, ochre, vermilion.
_COLOURS = {Level.SATISFIED: "#1D5FA8", Level.BASIC: "#8A6100", Level.DISSATISFIED: "#B3361B", 0: "#4B5563"}
_SUPPLY = {"3V3": "#D97706", "5V": "#DC2626"}


def _drawn(pin: int, wire: Wire | None, language: Language) -> list[str]:
    """One pin: its hole with its number, and beside it what it is for."""
    even, row = pin % 2 == 0, (pin - 1) // 2
    y = _TOP + row * _PITCH + _PITCH // 2
    x = _MIDDLE + (_PITCH // 2 if even else -_PITCH // 2)
    ground = pin in GROUNDS
    hole = _COLOURS[wire.level] if wire else "#000" if ground else _SUPPLY.get(POWER.get(pin, ""), "#9AA5B1")
    square = f'<rect x="{x - 9}" y="{y - 9}" width="18" height="18" rx="{2 if pin == 1 else 9}" fill="{hole}"/>'
    number = f'<text x="{x}" y="{y + 4}" font-size="10" fill="#fff" text-anchor="middle">{pin}</text>'
    side, anchor = (_MIDDLE + _PITCH + 14, "start") if even else (_MIDDLE - _PITCH - 14, "end")
    if wire is None:
        name = _WORDS[language]["ground"] if ground else POWER.get(pin) or f"GPIO {_gpio(pin)}"
        weight = ' font-weight="700"' if ground else ""
        label = f'<text x="{side}" y="{y + 4}" fill="#7B8794" text-anchor="{anchor}"{weight}>{escape(name)}</text>'
        return [square, number, label]
    left = side if even else side - _PILL
    filled = wire.kind == "button"
    fill, ink = (hole, "#fff") if filled else ("#fff", hole)
    pill = (
        f'<rect x="{left}" y="{y - 11}" width="{_PILL}" height="22" rx="11" fill="{fill}" stroke="{hole}" '
        'stroke-width="1.5"/>'
    )
    said = f"{_name(wire, language)}"
    label = f'<text x="{left + _PILL / 2:g}" y="{y + 4.5:g}" fill="{ink}" text-anchor="middle">{escape(said)}</text>'
    beyond, ends = (left + _PILL + 8, "start") if even else (left - 8, "end")
    gpio = f'<text x="{beyond}" y="{y + 4}" font-size="11" fill="#7B8794" text-anchor="{ends}">GPIO {wire.gpio}</text>'
    return [square, number, pill, label, gpio]


def _gpio(pin: int) -> int:
    return next(gpio for gpio, there in HEADER.items() if there == pin)


def _part(wire: Wire, language: Language) -> str:
    kind = _KINDS[language][wire.kind]
    level = LEVELS[language].get(wire.level, "")
    return f"{level}{kind}" if language == "zh" else f"{level} {kind}".strip()


def _name(wire: Wire, language: Language) -> str:
    level, kind = LEVELS[language].get(wire.level, ""), _KINDS[language][wire.kind]
    return " ".join(_WORDS[language]["part"].format(window=wire.window, level=level, kind=kind).split())


def _far(pin: int, other: int) -> int:
    """How far apart two pins are, in squares of the distance between neighbours."""
    (row, column), (its_row, its_column) = divmod(pin - 1, 2), divmod(other - 1, 2)
    return (row - its_row) ** 2 + (column - its_column) ** 2
