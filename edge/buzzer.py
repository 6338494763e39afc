"""A window's buzzer: one short tone for thanks, three for a refusal. It tells no level: all sound alike."""

from collections.abc import Callable

from edge.lights import BLINKS
from edge.pins import Pin
from edge.timer import Timer

TONE_S = 0.08
REST_S = 0.12


class Buzzer:
    """An active buzzer on `pin`, which sounds while the pin is high; `later` as for the lights."""

    def __init__(self, pin: Pin, *, later: Callable[[float, Callable[[], None]], Timer]) -> None:
        """Take the pin as output, silent."""
        self._pin = pin
        self._later = later
        self._timer: Timer | None = None
        pin.output_with_state(0)

    def thank(self) -> None:
        """Sound once; to be called after the rating was committed, never before."""
        self._sound(1)

    def refuse(self) -> None:
        """Sound as often as the lights blink."""
        self._sound(BLINKS)

    def close(self) -> None:
        """Fall silent and give the pin back."""
        self._sound(0)
        self._pin.close()

    def _sound(self, times: int) -> None:
        """Sound so many times from now; what was sounding stops."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._pin.state = times > 0
        if times:
            self._timer = self._later(TONE_S, lambda: self._rest(times - 1))

    def _rest(self, times: int) -> None:
        self._pin.state = False
        self._timer = self._later(REST_S, lambda: self._sound(times)) if times else None
