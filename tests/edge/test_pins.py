"""The pin factories: gpiozero's mock, and its real one on a stand-in for the chip below it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from gpiozero import Device
from gpiozero.pins import local

from contract.config import WindowPins
from contract.errors import SettingsError
from edge.buttons import Button
from edge.lights import Lights
from edge.pins import Factory, Pins, factory, reach

Listener = Callable[[int, int, int, int], None]

PULL_UP = 1 << 5
OUTPUT = 1 << 1
BOTH = 3


class Chip(ModuleType):
    """What gpiozero's LGPIOFactory uses of the module lgpio, with lines in memory.

    A chip's handle is its number, and line n of chip h has the key 100 h + n: those of the header, chip 0, are as they
    are.
    """

    SET_PULL_NONE = 1 << 7
    SET_PULL_UP = PULL_UP
    SET_PULL_DOWN = 1 << 6
    RISING_EDGE = 1
    FALLING_EDGE = 2
    BOTH_EDGES = BOTH

    def __init__(self) -> None:
        super().__init__("lgpio")
        self.error = type("error", (Exception,), {})
        self.present = True
        self.modes: dict[int, int] = {}
        self.levels: dict[int, int] = {}
        self.debounce: dict[int, int] = {}
        self.alerts: dict[int, tuple[int, int]] = {}
        self.listeners: dict[int, Listener] = {}
        self.open: list[int] = []
        self.dead: set[int] = set()

    def gpiochip_open(self, chip: int) -> int:
        if not self.present:
            raise self.error("can not open gpiochip")
        self.open.append(chip)
        return chip

    def gpiochip_close(self, handle: int) -> None:
        self.open.remove(handle)

    def _at(self, handle: int, line: int) -> int:
        if handle in self.dead:
            raise self.error("I/O error")
        return 100 * handle + line

    def gpio_claim_input(self, handle: int, line: int, flags: int = 0) -> None:
        at = self._at(handle, line)
        self.modes[at] = flags
        self.levels.setdefault(at, int(bool(flags & PULL_UP)))

    def gpio_claim_output(self, handle: int, line: int, level: int = 0) -> None:
        at = self._at(handle, line)
        self.modes[at] = OUTPUT
        self.levels[at] = level

    def gpio_claim_alert(self, handle: int, line: int, edges: int, flags: int) -> None:
        at = self._at(handle, line)
        self.alerts[at] = (edges, flags)

    def gpio_free(self, handle: int, line: int) -> None:
        at = self._at(handle, line)
        self.modes.pop(at)
        self.levels.pop(at)

    def gpio_get_mode(self, handle: int, line: int) -> int:
        at = self._at(handle, line)
        return self.modes[at]

    def gpio_read(self, handle: int, line: int) -> int:
        at = self._at(handle, line)
        return self.levels[at]

    def gpio_write(self, handle: int, line: int, level: int) -> None:
        at = self._at(handle, line)
        self.levels[at] = int(level)

    def gpio_set_debounce_micros(self, handle: int, line: int, micros: int) -> None:
        at = self._at(handle, line)
        self.debounce[at] = micros

    def callback(self, handle: int, line: int, _edges: int, listener: Listener) -> SimpleNamespace:
        at = self._at(handle, line)
        self.listeners[at] = listener
        return SimpleNamespace(cancel=lambda: self.listeners.pop(at))

    def drive(self, line: int, level: int, ticks: int = 0) -> None:
        """A finger: the line's level changes, and lgpio's thread would tell it."""
        self.levels[line] = level
        if line in self.listeners:
            self.listeners[line](0, line, level, ticks)


@pytest.fixture
def chip(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chip]:
    chip = Chip()
    monkeypatch.setitem(sys.modules, "lgpio", chip)
    monkeypatch.setattr(local, "get_pi_revision", lambda: 0xA02082)
    sys.modules.pop("gpiozero.pins.lgpio", None)
    yield chip
    sys.modules.pop("gpiozero.pins.lgpio", None)
    local.LocalPiFactory.pins.clear()


class Counted:
    """A button on line 17 of a factory, with the presses that it told."""

    def __init__(self, pins: Factory) -> None:
        self.now = 1_000_000_000
        self.presses: list[tuple[int, int]] = []
        self.button = Button(
            pins.pin(17),
            3,
            on_press=lambda level, at: self.presses.append((level, at)),
            hand_over=lambda call, *arguments: call(*arguments),
            monotonic_ns=lambda: self.now,
        )


def test_a_button_on_lgpio_hears_every_edge_through_a_pull_up_and_no_filter(chip: Chip) -> None:
    counted = Counted(factory("lgpio"))

    assert chip.alerts == {17: (BOTH, PULL_UP)}
    assert chip.debounce == {17: 0}

    for at, level in [(5, 0), (6, 1), (7, 0), (20, 1), (21, 0), (22, 1), (100, 0), (105, 1)]:
        counted.now = at * 1_000_000 + 1_000_000_000
        chip.drive(17, level, ticks=at)
    assert counted.presses == [(3, 1_005_000_000), (3, 1_100_000_000)]

    counted.button.close()
    chip.drive(17, 0)
    assert chip.listeners == {}
    assert len(counted.presses) == 2


def test_a_button_on_lgpio_that_is_held_at_start_is_no_press(chip: Chip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chip, "gpio_read", lambda _handle, _line: 0)
    counted = Counted(factory("lgpio"))

    chip.drive(17, 0)
    assert counted.presses == []

    counted.now += 60_000_000_000
    assert counted.button.stuck()
    monkeypatch.setattr(chip, "gpio_read", lambda _handle, line: chip.levels[line])
    chip.drive(17, 1)
    assert not counted.button.stuck()

    counted.now += 1_000_000_000
    chip.drive(17, 0)
    assert counted.presses == [(3, counted.now)]


def test_lights_on_lgpio_are_high_when_lit(chip: Chip) -> None:
    pins = factory("lgpio")
    lights = Lights({3: pins.pin(5)}, later=lambda _seconds, _call: SimpleNamespace(cancel=lambda: None))
    assert (chip.modes[5], chip.levels[5]) == (OUTPUT, 0)

    lights.thank(3)
    assert chip.levels[5] == 1

    lights.close()
    assert (chip.modes[5] & OUTPUT, chip.levels[5]) == (0, 0)


def test_no_chip_is_one_line_about_the_setting(chip: Chip) -> None:
    chip.present = False

    with pytest.raises(SettingsError, match=r'^pins: "lgpio" needs .*can not open gpiochip.*"mock"$'):
        factory("lgpio")


def test_no_lgpio_package_is_one_line_about_the_setting(chip: Chip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lgpio", None)

    with pytest.raises(SettingsError, match=r'^pins: "lgpio" needs '):
        factory("lgpio")


@pytest.fixture
def buses(tmp_path: Path) -> Path:
    """What a kernel shows with an expander at 0x20 as gpiochip5 and one at 0x27 as gpiochip12."""
    for place in ("1-0020/gpiochip5", "1-0020/gpio/gpiochip512", "1-0027/gpiochip12", "1-0068/rtc"):
        (tmp_path / place).mkdir(parents=True)
    return tmp_path


def test_line_3_of_an_expander_is_not_gpio_3_of_the_header(chip: Chip, buses: Path) -> None:
    pins = factory("lgpio", buses=buses)
    header, first, last = pins.pin(3), pins.pin(103), pins.pin(803)
    assert len({id(header), id(first), id(last)}) == 3
    assert (pins.pin(3), pins.pin(103), pins.pin(803)) == (header, first, last)
    assert chip.open == [0, 5, 12]

    header.input_with_pull("up")
    first.output_with_state(1)
    last.output_with_state(0)
    assert {at: chip.levels[at] for at in (3, 503, 1203)} == {3: 1, 503: 1, 1203: 0}
    assert {at: chip.modes[at] for at in (3, 503, 1203)} == {3: PULL_UP, 503: OUTPUT, 1203: OUTPUT}


def test_gpiozero_by_itself_would_give_the_headers_line_for_the_expanders(chip: Chip) -> None:
    """Why an expander has a dict of its own: the day that this fails, it needs none."""
    from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415  (only with the stand-in)

    assert chip.present
    assert LGPIOFactory(chip=5).pin(3) is LGPIOFactory(chip=0).pin(3)
    assert LGPIOFactory(chip=5).pins is local.LocalPiFactory.pins


def test_a_button_on_an_expander_is_heard_with_a_pull_up_asked_for(chip: Chip, buses: Path) -> None:
    heard: list[int] = []
    button = Button(
        factory("lgpio", buses=buses).pin(803),
        3,
        on_press=lambda level, _: heard.append(level),
        hand_over=lambda call, *arguments: call(*arguments),
        monotonic_ns=iter(range(10**9, 10**12, 10**9)).__next__,
    )
    assert chip.alerts == {1203: (BOTH, PULL_UP)}
    chip.drive(3, 0)
    chip.drive(503, 0)
    assert heard == []
    chip.drive(1203, 0)
    assert heard == [3]
    button.close()


def test_an_expander_is_opened_when_one_of_its_lines_is_first_asked_for(chip: Chip, buses: Path) -> None:
    pins = factory("lgpio", buses=buses)
    pins.pin(17)
    assert chip.open == [0]
    pins.pin(815)
    pins.pin(800)
    assert chip.open == [0, 12]
    pins.close()
    assert chip.open == []


@pytest.mark.parametrize(
    ("pin", "said"),
    [
        (203, r"pins: expander 2 \(I2C address 0x21\) does not answer: .*-0021/gpiochip.*addr=0x21,gpiopin=4"),
        (103, r"pins: expander 1 \(I2C address 0x20\) does not answer: I/O error; .*addr=0x20,gpiopin=4"),
    ],
)
def test_an_expander_that_does_not_answer_is_one_line_that_says_what_is_needed(
    chip: Chip, buses: Path, pin: int, said: str
) -> None:
    pins = factory("lgpio", buses=buses)
    chip.dead.add(5)
    with pytest.raises(SettingsError, match=said) as raised:
        pins.pin(pin)
    assert "\n" not in str(raised.value)
    assert pins.pin(3) is pins.pin(3)


def test_an_expander_that_falls_silent_keeps_no_other_line(chip: Chip, buses: Path) -> None:
    pins = factory("lgpio", buses=buses)
    for pin in (17, 103, 803):
        pins.pin(pin)
    chip.dead.add(5)
    with pytest.raises(chip.error):
        pins.close()
    assert chip.open == [5]


def test_what_windows_need_of_expanders_is_reached_and_nothing_else() -> None:
    asked: list[int] = []

    class Asked:
        def pin(self, name: int) -> None:
            asked.append(name)

        def close(self) -> None:
            pass

    reach(Asked(), [WindowPins("01", 17, 27, 22, 5), WindowPins("09", 100, 26, 101, light_basic=807, buzzer=4)])  # type: ignore[arg-type]
    assert asked == [100, 101, 807]


def test_mock_expanders_have_lines_of_their_own() -> None:
    pins = factory("mock")
    for number, state in ((3, 0), (103, 1), (203, 0)):
        pins.pin(number).output_with_state(state)

    assert [pins.pin(number).state for number in (3, 103, 203)] == [False, True, False]
    assert pins.pin(103) is pins.pin(103)
    assert factory("mock").pin(103) is not pins.pin(103)


def test_no_factory_is_asked_for_a_line_that_there_is_not() -> None:
    def none(expander: int) -> Factory:
        pytest.fail(f"there is no expander {expander}")

    with pytest.raises(ValueError, match="there is no line 916"):
        Pins(factory("mock"), none).pin(916)


def test_mock_factories_share_nothing_and_leave_gpiozeros_own_alone() -> None:
    first, second = factory("mock"), factory("mock")
    first.pin(5).output_with_state(1)
    second.pin(5).output_with_state(0)

    assert first.pin(5) is first.pin(5)
    assert (first.pin(5).state, second.pin(5).state) == (True, False)
    assert Device.pin_factory is None


def test_mock_pins_are_plain_ones_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPIOZERO_MOCK_PIN_CLASS", "mockpwmpin")
    pins = factory("mock")
    pins.pin(5).output_with_state(1)

    assert pins.pin(5).state is True


def test_no_module_of_ours_imports_gpiozero_before_pins_are_opened() -> None:
    code = "import sys, edge.panel, edge.settings, transport.keys; print('gpiozero' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )

    assert done.stdout == "False\n"
