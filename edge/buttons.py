"""A button on its pin: edges come on gpiozero's thread and are judged on the loop."""

from collections.abc import Callable

from edge.debounce import Debounce
from edge.pins import Pin

# asyncio's `call_soon_threadsafe`.
HandOver = Callable[..., object]

STUCK_NS = 60_000_000_000


class Button:
    """One button, closing to ground against the Pi's own pull-up (active low).

    `on_press(level, at)` is called on the loop, `at` being the monotonic time of the press's first edge in nanoseconds.
    """

    def __init__(
        self,
        pin: Pin,
        level: int,
        *,
        on_press: Callable[[int, int], None],
        hand_over: HandOver,
        monotonic_ns: Callable[[], int],
    ) -> None:
        """Take the pin as input and listen to it."""
        self.level = level
        self._pin = pin
        self._on_press = on_press
        self._hand_over = hand_over
        self._monotonic_ns = monotonic_ns
        pin.input_with_pull("up")
        pin.bounce = None
        pin.edges = "both"
        # Listen first, look afterwards: edges wait for the loop, so none is judged before the state it began from is
        # known, and one that comes in between shows a held button, never a press that nobody made.
        pin.when_changed = self._changed
        self._debounce = Debounce(down=not pin.state, at=monotonic_ns())

    def close(self) -> None:
        """Stop listening and give the pin back; edges under way to the loop are still judged."""
        self._pin.when_changed = None
        self._pin.close()

    def stuck(self) -> bool:
        """Whether the button has been held for 60 s or more."""
        now = self._monotonic_ns()
        if self._debounce.held_ns(now) < STUCK_NS:
            return False
        if self._pin.state:
            # It is up after all: the kernel's queue overran and the release was lost. Without this it would cost the
            # next press too.
            self._debounce.edge(down=False, at=now)
            return False
        return True

    def _changed(self, _ticks: float, state: int) -> None:
        # On gpiozero's thread. Its ticks are of another clock on each factory, so the time is ours, taken here.
        self._hand_over(self._edge, not state, self._monotonic_ns())

    def _edge(self, down: bool, at: int) -> None:  # noqa: FBT001  (call_soon_threadsafe passes no keywords)
        if self._debounce.edge(down=down, at=at):
            self._on_press(self.level, at)
