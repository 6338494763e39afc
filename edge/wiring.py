"""How the windows of a node are wired to the 40-pin header of a Raspberry Pi and to expanders, as a table. Pure.

Source of the header: Raspberry Pi documentation, "GPIO and the 40-pin header"; the same from the Pi 2 to the Pi 5.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from contract.config import WindowPins
from contract.lines import line
from edge.expander import CHIP, GROUND, OUTPUTS, overlay, straps
from edge.language import LEVELS, Language, called

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
# What a Pi may want for itself.
_EEPROM = (0, 1)
_PULLED_UP = (2, 3)
_SERIAL = (14, 15)

Kind = Literal["button", "light", "buzzer"]

_KINDS: Mapping[Language, Mapping[Kind, str]] = {
    "zh": {"button": "按键", "light": "灯", "buzzer": "蜂鸣器"},
    "en": {"button": "button", "light": "light", "buzzer": "buzzer"},
}
WORDS: Mapping[Language, Mapping[str, str]] = {
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
        "pull": "扩展芯片上的按键：一端接该线，另一端接地；该线另接 10 kΩ 电阻到 3V3，驱动不会打开芯片的上拉",
        "output": "{line}（{part}）按芯片 2022 年起的数据手册只能输出：可以接灯或蜂鸣器，不要接按键",
        "chip": "扩展芯片：VDD、RESET 接 3V3（1 号针脚），VSS 接地，SDA 接 GPIO 2（3 号），SCL 接 GPIO 3（5 号），"
        "INTA 接一个专用的 GPIO",
        "own": "扩展芯片各行的针脚和地都是芯片上的编号（28 脚 DIP、SOIC）",
        "straps": "扩展芯片 {number}：A2 A1 A0 = {straps}（1 接 3V3，0 接地）；config.txt 中写 {overlay}",
        "inta": "<INTA 所接的 GPIO>",
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
        "pull": "button on an expander: one leg to its line, the other to ground; 10 kΩ from the line to 3V3, as the "
        "driver turns no pull-up on",
        "output": "{line} ({part}) is an output only by the data sheet since 2022: fine for a light, not for this",
        "chip": "expander: VDD, RESET to 3V3 (pin 1), VSS to ground, SDA to GPIO 2 (pin 3), SCL to GPIO 3 (pin 5), "
        "INTA to a GPIO of its own",
        "own": "pin and ground in an expander's rows are those of the chip itself (28 pins, DIP or SOIC)",
        "straps": "expander {number}: A2 A1 A0 = {straps} (1: 3V3, 0: ground); in config.txt: {overlay}",
        "inta": "<GPIO of its INTA>",
        "title": "wiring of {node}",
        "orient": "pin 1 is at the corner next to the card; the even column is along the board's edge",
    },
}


class Wire(NamedTuple):
    """One wire: `kind` of `window`, of `level` (0 for a buzzer), on the line of number `gpio`.

    That is pin `pin` of the header, or of its expander's chip; `ground` is one of the same.
    """

    window: str
    kind: Kind
    level: int
    gpio: int
    pin: int
    ground: int

    @property
    def expander(self) -> int:
        """The expander that it goes to; 0 for the header."""
        return line(self.gpio).expander


def wires(windows: Iterable[WindowPins]) -> list[Wire]:
    """Every wire of `windows`, window by window: buttons, lights, buzzer."""
    found = []
    for window in windows:
        of: list[tuple[Kind, int, int]] = [("button", level, pin) for level, pin in window.buttons.items()]
        of += [("light", level, pin) for level, pin in window.lights.items()]
        if isinstance(window.buzzer, int):
            of.append(("buzzer", 0, window.buzzer))
        for kind, level, gpio in of:
            found.append(Wire(window.id, kind, level, gpio, *_pin(gpio)))
    return found


def table(wired: Sequence[Wire], language: Language) -> list[list[str]]:
    """The wires as rows of cells, the first of them the head."""
    head = WORDS[language]["head"].split()
    rows = [
        [w.window, _part(w, language), called(w.gpio, language).removeprefix("GPIO "), str(w.pin), str(w.ground)]
        for w in wired
    ]
    return [head, *rows]


def expanders(wired: Iterable[Wire]) -> list[int]:
    """Which expanders the wires go to."""
    return sorted({wire.expander for wire in wired} - {0})


def advice(wired: Sequence[Wire], language: Language) -> list[str]:
    """What whoever wires it should know: of each kind of part that there is, of special lines, and of expanders."""
    words, kinds = WORDS[language], {_sort(wire) for wire in wired}
    said = [words[kind] for kind in ("button", "pull", "light", "buzzer") if kind in kinds]
    for wire in wired:
        if (special := _special(wire)) is not None:
            line_, part = called(wire.gpio, language), named(wire, language)
            said.append(words[special].format(pin=wire.gpio, line=line_, part=part))
    there = expanders(wired)
    said += [words["chip"], words["own"]] if there else []
    for number in there:
        tied = " ".join(str(level) for level in reversed([*straps(number).values()]))
        brought = overlay(number, words["inta"])
        said.append(words["straps"].format(number=number, straps=tied, overlay=brought))
    return said


def named(wire: Wire, language: Language) -> str:
    """What hangs on `wire`, as "window 02 satisfied button"."""
    level, kind = LEVELS[language].get(wire.level, ""), _KINDS[language][wire.kind]
    return " ".join(WORDS[language]["part"].format(window=wire.window, level=level, kind=kind).split())


def _pin(gpio: int) -> tuple[int, int]:
    """Where a line comes out, and the nearest ground there."""
    expander, number = line(gpio)
    if expander:
        return CHIP[number], GROUND
    pin = HEADER[number]
    return pin, min(GROUNDS, key=lambda one: (_far(pin, one), one))


def _sort(wire: Wire) -> str:
    """Which sentence says how its part is wired."""
    return "pull" if wire.kind == "button" and wire.expander else wire.kind


def _special(wire: Wire) -> str | None:
    """Which sentence says what is special about its line, if anything is."""
    expander, number = line(wire.gpio)
    if expander:
        return "output" if number in OUTPUTS and wire.kind == "button" else None
    if number in _EEPROM:
        return "eeprom"
    if number in _SERIAL:
        return "serial"
    return "pulled" if number in _PULLED_UP and wire.kind != "button" else None


def _part(wire: Wire, language: Language) -> str:
    kind = _KINDS[language][wire.kind]
    level = LEVELS[language].get(wire.level, "")
    return f"{level}{kind}" if language == "zh" else f"{level} {kind}".strip()


def _far(pin: int, other: int) -> int:
    """How far apart two pins are, in squares of the distance between neighbours."""
    (row, column), (its_row, its_column) = divmod(pin - 1, 2), divmod(other - 1, 2)
    return (row - its_row) ** 2 + (column - its_column) ** 2
