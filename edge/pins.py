"""What we use of gpiozero: its pin factories and the pins they make.

The pins, not the devices on top of them: a `Button` keeps a thread, and hides an edge whose level repeats. In a node's
process importing gpiozero adds 3.4 MB, of which going around its package would save 0.6; lgpio adds 0.8 more, on a Pi
only.
"""

from collections.abc import Callable
from typing import Literal, Protocol

from contract.errors import SettingsError

Kind = Literal["lgpio", "mock"]


class Pin(Protocol):
    """One line of the header. `when_changed(ticks, state)` is held weakly, and called on the factory's thread."""

    state: bool
    bounce: float | None
    edges: str
    when_changed: Callable[[float, int], None] | None

    def input_with_pull(self, pull: str) -> None:
        """Make it an input with `pull` "up", "down" or "floating"."""

    def output_with_state(self, state: int) -> None:
        """Make it an output that starts with `state`."""

    def close(self) -> None:
        """Give the line back as an input."""


class Factory(Protocol):
    """Where pins come from; gpiozero's LGPIOFactory and MockFactory are two."""

    def pin(self, name: int) -> Pin:
        """Return the pin with the BCM number `name`; the same object each time."""

    def close(self) -> None:
        """Give all lines back."""


def factory(kind: Kind) -> Factory:
    """Open the pins of this machine, or pins in memory; `SettingsError` where there are none to open."""
    if kind == "mock":
        from gpiozero.pins.mock import MockFactory, MockPin  # noqa: PLC0415  (a Pi does not carry it)

        mock: Factory = MockFactory(pin_class=MockPin)
        return mock
    try:
        from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415  (only a Pi has lgpio)

        real: Factory = LGPIOFactory()
    except Exception as bad:  # lgpio.error and gpiozero's errors have no base of their own but this
        raise SettingsError(
            f'pins: "lgpio" needs a Raspberry Pi, the lgpio package and access to /dev/gpiochip*: {bad}; '
            'allowed besides: "mock"'
        ) from bad
    return real
