"""A window's three lights: please rate, thanks for the choice that is on disk, a loud refusal when the disk is full.

All three levels have the same light for the same time. A refusal blinks all of them together, so it can be taken for
nobody's thanks and tells no level. A prompt has all of them come and go together, slowly.
"""

from collections.abc import Callable, Iterable, Mapping

from edge.pins import Pin
from edge.timer import Timer

THANKS_S = 2.0
BLINKS = 3
BLINK_S = 0.15
# Half of a prompt's turn: slow enough that it is no blinking.
CALM_S = 1.0

Frame = tuple[frozenset[int], float]


class Lights:
    """The lights of one window by level, active high; a window may have none.

    `later(seconds, call)` is the loop's `call_later`; there is no timer while no light is on.
    """

    def __init__(self, pins: Mapping[int, Pin], *, later: Callable[[float, Callable[[], None]], Timer]) -> None:
        """Take the pins as outputs, dark."""
        self._pins = pins
        self._later = later
        self._timer: Timer | None = None
        self._asks = False
        for pin in pins.values():
            pin.output_with_state(0)

    def thank(self, level: int) -> None:
        """Light `level` alone for `THANKS_S`; to be called after its rating was committed, never before."""
        self._play(iter([(frozenset({level}), THANKS_S)]))

    def refuse(self) -> None:
        """Blink all lights together `BLINKS` times."""
        everything = frozenset(self._pins)
        self._play(iter([(everything, BLINK_S), (frozenset[int](), BLINK_S)] * BLINKS))

    def ask(self) -> None:
        """Ask for a rating until `hush`, also behind whatever is shown in between."""
        self._asks = True
        self._play(self._calm())

    def hush(self) -> None:
        """Ask no more."""
        if self._asks:
            self._asks = False
            self._play(iter(()))

    def close(self) -> None:
        """Go dark and give the pins back."""
        self._asks = False
        self._play(iter(()))
        for pin in self._pins.values():
            pin.close()

    def _calm(self) -> list[Frame]:
        return [(frozenset(self._pins), CALM_S), (frozenset[int](), CALM_S)]

    def _play(self, frames: Iterable[Frame]) -> None:
        """Show each frame for its time, then ask where that is to be done, or go dark; what was playing stops."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rest = iter(frames)
        frame = next(rest, None)
        if frame is None and self._asks:
            rest = iter(self._calm())
            frame = next(rest)
        lit, seconds = frame or (frozenset[int](), 0.0)
        for level, pin in self._pins.items():
            pin.state = level in lit
        if seconds:
            self._timer = self._later(seconds, lambda: self._play(rest))
