"""Pace and delay of ratings over the last 60 seconds. Pure.

Delays are counted, not listed: exact below 100 ms, two significant digits above, so a minute at 50,000 ratings a second
takes as little room as one at 20.
"""

from collections import Counter, deque
from collections.abc import Iterable

SPAN_MS = 60_000
_EXACT = 100


def _coarse(delay: int) -> int:
    """Round `delay` (ms) to two significant digits; a clock that is ahead gives no negative one."""
    step = 1
    while delay >= _EXACT * step:
        step *= 10
    return max(0, delay) // step * step


class Pace:
    """What came in each second of the last sixty."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int, Counter[int]]] = deque()
        self._count = 0
        self._delays: Counter[int] = Counter()

    def add(self, at: int, count: int, delays: Iterable[int]) -> None:
        """Note `count` ratings committed at `at` (ms), and the `delays` (ms) of the live ones among them."""
        second = at // 1000
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, 0, Counter()))
        known, before, counted = self._seconds[-1]
        fresh: Counter[int] = Counter()
        for delay, times in Counter(delays).items():
            fresh[_coarse(delay)] += times
        counted.update(fresh)
        self._seconds[-1] = (known, before + count, counted)
        self._count += count
        self._delays.update(fresh)

    def forget(self, now: int) -> None:
        """Drop what is older than a minute at `now` (ms), and what a clock that was set back left in the future."""
        while self._seconds and not now - SPAN_MS < self._seconds[0][0] * 1000 + 1000 <= now + SPAN_MS:
            _, count, delays = self._seconds.popleft()
            self._count -= count
            self._delays -= delays

    @property
    def rate(self) -> int:
        """Ratings in the last 60 seconds."""
        return self._count

    def quantile(self, share: float) -> int | None:
        """Return the delay (ms) that `share` of the live ratings did not exceed; None without any."""
        wanted = share * self._delays.total()
        passed = 0
        for delay in sorted(self._delays):
            passed += self._delays[delay]
            if passed >= wanted:
                return delay
        return None
