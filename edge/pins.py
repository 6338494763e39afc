"""What we use of gpiozero: its pin factories and the pins they make.

The pins, not the devices on top of them: a `Button` keeps a thread, and hides an edge whose level repeats. In a node's
process importing gpiozero adds 3.4 MB, of which going around its package would save 0.6; lgpio adds 0.8 more, on a Pi
only.
"""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from contract.config import WindowPins
from contract.errors import SettingsError
from contract.lines import line
from edge.expander import absent, address

Kind = Literal["lgpio", "mock"]

# Where the kernel shows what is on its I2C buses.
_BUSES = Path("/sys/bus/i2c/devices")


class Pin(Protocol):
    """One line. `when_changed(ticks, state)` is held weakly, and called on the factory's thread."""

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
        """Return the pin with the number `name`; the same object each time."""

    def close(self) -> None:
        """Give all lines back."""


class Pins:
    """The lines of the header, and those of each expander, which is opened when one of them is first asked for."""

    def __init__(self, header: Factory, expander: Callable[[int], Factory]) -> None:
        """Take the header's lines from `header`, and those of the `k`-th expander, by 0 to 15, from `expander(k)`."""
        self._header = header
        self._expander = expander
        self._expanders: dict[int, Factory] = {}

    def pin(self, name: int) -> Pin:
        """Return the pin with the number `name`; raises `SettingsError` where its expander does not answer."""
        expander, number = line(name)
        if not expander:
            return self._header.pin(number)
        try:
            if expander not in self._expanders:
                self._expanders[expander] = self._expander(expander)
            return self._expanders[expander].pin(number)
        except Exception as bad:  # lgpio.error and gpiozero's errors have no base of their own but this
            raise SettingsError(absent(expander, bad)) from bad

    def close(self) -> None:
        """Give all lines back, also where an expander takes nothing any more."""
        with ExitStack() as stack:
            for one in (self._header, *self._expanders.values()):
                stack.callback(one.close)


def reach(factory: Factory, windows: Iterable[WindowPins]) -> None:
    """Ask for every line of an expander that `windows` need; `SettingsError` where one does not answer.

    Such a line may be one in use, and otherwise becomes an input.
    """
    for window in windows:
        for pin in window.duties.values():
            if line(pin).expander:
                factory.pin(pin)


def factory(kind: Kind, *, buses: Path = _BUSES) -> Pins:
    """Open the pins of this machine, or pins in memory; `SettingsError` where there are none to open.

    Expanders are looked for in the folder `buses`.
    """
    if kind == "mock":
        from gpiozero.pins.mock import MockFactory, MockPin  # noqa: PLC0415  (a Pi does not carry it)

        return Pins(MockFactory(pin_class=MockPin), lambda _: MockFactory(pin_class=MockPin))
    try:
        from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415  (only a Pi has lgpio)

        header: Factory = LGPIOFactory()
    except Exception as bad:  # as above
        raise SettingsError(
            f'pins: "lgpio" needs a Raspberry Pi, the lgpio package and access to /dev/gpiochip*: {bad}; '
            'allowed besides: "mock"'
        ) from bad
    return Pins(header, partial(_chip, buses))


def _chip(buses: Path, expander: int) -> Factory:
    """Open the chip that the kernel has at the `expander`-th one's address; `LookupError` where it has none."""
    place = f"*-{address(expander):04x}/gpiochip*"
    found = sorted(buses.glob(place))
    if not found:
        raise LookupError(f"there is no {buses}/{place}")
    from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415  (as above)

    chip = LGPIOFactory(chip=int(found[0].name.removeprefix("gpiochip")))
    # Local factories share one dict of pins, by the header's names: line 3 of the chip would be GPIO 3 of the header.
    chip.pins = {}
    own: Factory = chip
    return own
