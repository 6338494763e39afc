"""A button on a mock pin: what crosses from gpiozero's thread, and what is judged on the loop."""

from collections.abc import Callable
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPin

from edge.buttons import STUCK_NS, Button

S = 1_000_000_000


class ClosedPin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A pin whose button is held: closing to ground wins over the pull-up, as it does in copper."""

    def _set_pull(self, value: str) -> None:
        self._pull = value


class Rig:
    """One button with a clock of its own; handed-over calls wait until `turn`, as on a loop."""

    def __init__(self, *, held: bool = False) -> None:
        factory = MockFactory()
        self.pin = factory.pin(17, pin_class=ClosedPin) if held else factory.pin(17)
        self.now = S
        self.presses: list[tuple[int, int]] = []
        self.calls: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self.button = Button(
            self.pin,
            2,
            on_press=lambda level, at: self.presses.append((level, at)),
            hand_over=lambda call, *arguments: self.calls.append((call, arguments)),
            monotonic_ns=lambda: self.now,
        )

    def down(self, at: int) -> None:
        self.now = at
        self.pin.drive_low()

    def up(self, at: int) -> None:
        self.now = at
        self.pin.drive_high()

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call, arguments in calls:
            call(*arguments)


def test_the_pins_thread_takes_the_time_and_judges_nothing() -> None:
    rig = Rig()

    rig.down(2 * S)
    rig.up(2 * S + 5_000_000)
    assert rig.presses == []
    rig.now = 9 * S
    rig.turn()

    assert rig.presses == [(2, 2 * S)]


def test_the_line_is_pulled_up_and_unfiltered() -> None:
    rig = Rig()

    assert (rig.pin.function, rig.pin.pull, rig.pin.bounce, rig.pin.edges) == ("input", "up", None, "both")


def test_held_at_start_is_no_press_until_released_once() -> None:
    rig = Rig(held=True)
    assert not rig.pin.state

    rig.up(2 * S)
    rig.turn()
    assert rig.presses == []

    rig.down(3 * S)
    rig.turn()
    assert rig.presses == [(2, 3 * S)]


def test_held_for_a_minute_is_stuck_until_released() -> None:
    rig = Rig()
    rig.down(2 * S)
    rig.turn()

    rig.now = 2 * S + STUCK_NS - 1
    assert not rig.button.stuck()
    rig.now = 2 * S + STUCK_NS
    assert rig.button.stuck()

    rig.up(99 * S)
    rig.turn()
    assert not rig.button.stuck()


def test_a_lost_release_is_noticed_and_costs_no_press() -> None:
    rig = Rig()
    rig.down(2 * S)
    rig.turn()
    rig.up(3 * S)
    rig.calls.clear()

    rig.now = 70 * S
    assert not rig.button.stuck()
    rig.down(80 * S)
    rig.turn()

    assert rig.presses == [(2, 2 * S), (2, 80 * S)]


def test_a_closed_button_hears_nothing() -> None:
    rig = Rig()
    rig.down(2 * S)

    rig.button.close()
    rig.pin.drive_low()
    rig.turn()

    assert rig.presses == [(2, 2 * S)]
    assert rig.pin.when_changed is None
