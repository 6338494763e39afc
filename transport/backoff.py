"""How long to wait before the next try: exponential, with full jitter.

Full jitter (a uniform draw from zero to the present ceiling) spreads a whole city's reconnects after an outage evenly;
see Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

from collections.abc import Callable

FIRST_CEILING_S = 1.0
LAST_CEILING_S = 120.0
# A connection that stood this long was a good one, however long it had to be waited for.
STEADY_S = 30.0


class Backoff:
    """Delays for one connection; `uniform(lo, hi)` brings the randomness."""

    def __init__(
        self,
        uniform: Callable[[float, float], float],
        *,
        first_s: float = FIRST_CEILING_S,
        last_s: float = LAST_CEILING_S,
        tries: int = 1,
    ) -> None:
        """Start with a ceiling of `first_s` seconds, which doubles up to `last_s` after each `tries` waits.

        `tries` is how many addresses there are: that one of them is dead says nothing of the next.
        """
        self._uniform = uniform
        self._first_s = first_s
        self._last_s = last_s
        self._tries = tries
        self._ceiling_s = first_s
        self._waits = 0

    def next_s(self) -> float:
        """Seconds to wait now; the ceiling of the waits after this round is twice as high."""
        wait = self._uniform(0.0, self._ceiling_s)
        self._waits += 1
        if self._waits % self._tries == 0:
            self._ceiling_s = min(self._last_s, self._ceiling_s * 2)
        return wait

    def lasted(self, seconds: float) -> None:
        """A connection stood for `seconds`; a steady one begins small again.

        One that was cut at once does not: two devices under one name throw each other out for as long as both run.
        """
        if seconds >= min(self._ceiling_s, STEADY_S):
            self._ceiling_s = self._first_s
            self._waits = 0
