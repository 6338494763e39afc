"""How often somebody may ask who has nothing to show yet. Pure."""


class Allowance:
    """`burst` requests at once, and one more every `every_s` seconds, for all who ask together."""

    def __init__(self, burst: int, every_s: float) -> None:
        """Start with all of it."""
        self._burst = burst
        self._every_s = every_s
        self._left = float(burst)
        self._at: float | None = None

    def take(self, at: float) -> bool:
        """Whether one more is allowed at `at` (monotonic seconds)."""
        if not self.has(at):
            return False
        self._left -= 1
        return True

    def has(self, at: float) -> bool:
        """Whether one more would be allowed at `at`; it is not taken."""
        if self._at is not None:
            self._left = min(self._burst, self._left + (at - self._at) / self._every_s)
        self._at = at
        return self._left >= 1
