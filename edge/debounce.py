"""One button's edges to presses: the first edge counts at once, the rest of its burst does not.

A closing or opening contact chatters for some milliseconds. Filters that wait for a stable line (gpiozero's
`bounce_time` on lgpio, the kernel's debounce) answer late and drop taps shorter than their wait. This one decides on
the first edge, by what came before it: a line that goes down after it rested up is a press, whatever follows.
"""

# Of the 18 kinds of switches in Ganssle's "A Guide to Debouncing" nearly all bounced below 10 ms; between two taps of
# one finger the line rests up for 40 ms and more.
QUIET_NS = 30_000_000


class Debounce:
    """A button's line as a state machine; times are monotonic nanoseconds, handed in.

    Repeated levels (the kernel reads the line after the interrupt, so a glitch shows as the same level twice) change
    nothing.
    """

    __slots__ = ("_changed_at", "_down", "_pressed_at")

    def __init__(self, *, down: bool, at: int) -> None:
        """Begin with the line as it is found at `at`; what is down already is no press until released once."""
        self._down = down
        self._changed_at = at - QUIET_NS
        self._pressed_at = at

    def edge(self, *, down: bool, at: int) -> bool:
        """Take the line's new level; whether this edge is a press."""
        if down == self._down:
            return False
        rested = at - self._changed_at >= QUIET_NS
        self._down = down
        self._changed_at = at
        if down and rested:
            self._pressed_at = at
            return True
        return False

    def held_ns(self, now: int) -> int:
        """Return how long the button has been held, since the edge that was the press; 0 when it is up.

        Openings shorter than the quiet time do not start it anew: a wet button that flickers is as stuck as any.
        """
        return now - self._pressed_at if self._down else 0
