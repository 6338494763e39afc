"""The pin factories: gpiozero's mock, and its real one on a stand-in for the chip below it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from gpiozero import Device
from gpiozero.pins import local

from contract.errors import SettingsError
from edge.buttons import Button
from edge.lights import Lights
from edge.pins import Factory, factory

Listener = Callable[[int, int, int, int], None]

PULL_UP = 1 << 5
OUTPUT = 1 << 1
BOTH = 3


class Chip(ModuleType):
    """What gpiozero's LGPIOFactory uses of the module lgpio, with lines in memory."""

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

    def gpiochip_open(self, _chip: int) -> int:
        if not self.present:
            raise self.error("can not open gpiochip")
        return 1

    def gpiochip_close(self, _handle: int) -> None:
        self.present = False

    def gpio_claim_input(self, _handle: int, line: int, flags: int = 0) -> None:
        self.modes[line] = flags
        self.levels.setdefault(line, int(bool(flags & PULL_UP)))

    def gpio_claim_output(self, _handle: int, line: int, level: int = 0) -> None:
        self.modes[line] = OUTPUT
        self.levels[line] = level

    def gpio_claim_alert(self, _handle: int, line: int, edges: int, flags: int) -> None:
        self.alerts[line] = (edges, flags)

    def gpio_free(self, _handle: int, line: int) -> None:
        self.modes.pop(line)
        self.levels.pop(line)

    def gpio_get_mode(self, _handle: int, line: int) -> int:
        return self.modes[line]

    def gpio_read(self, _handle: int, line: int) -> int:
        return self.levels[line]

    def gpio_write(self, _handle: int, line: int, level: int) -> None:
        self.levels[line] = int(level)

    def gpio_set_debounce_micros(self, _handle: int, line: int, micros: int) -> None:
        self.debounce[line] = micros

    def callback(self, _handle: int, line: int, _edges: int, listener: Listener) -> SimpleNamespace:
        self.listeners[line] = listener
        return SimpleNamespace(cancel=lambda: self.listeners.pop(line))

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
