"""Counts of durations by upper bound; what Prometheus is told of how long something takes."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

# A commit takes 0.1 ms on a server's disk, 5 to 50 ms on an SD card, and longer where something is wrong.
COMMIT_BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class Histogram:
    """Counts by upper bound (s); the last one is for everything above."""

    def __init__(self, bounds_s: Sequence[float] = COMMIT_BOUNDS_S) -> None:
        self.sum_s = 0.0
        self._bounds = bounds_s
        self._counts = [0] * (len(bounds_s) + 1)

    def add(self, seconds: float, times: int = 1) -> None:
        """Count `times` observations of `seconds`."""
        self._counts[bisect_left(self._bounds, seconds)] += times
        self.sum_s += seconds * times

    def buckets(self) -> Iterator[tuple[str, float]]:
        """Yield each bound, as Prometheus writes it, with how many observations do not exceed it."""
        return zip([*map(str, self._bounds), "+Inf"], accumulate(self._counts), strict=True)
