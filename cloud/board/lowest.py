"""The windows that are surely low: ranked by the upper bound of their score, so that bad luck alone puts none there.

A bound costs some 20 microseconds, and a busy city changes thousands of windows a second. So bounds are computed only
when asked for, kept until the window's counts change, and only for windows that can be among the lowest at all: a
bound is never below its mean, so the walk goes up by mean and stops where the means pass the worst bound found.
"""

from bisect import bisect_left, insort

from proof.scores import Counts, mean, upper


class Lowest:
    """Counts of today by window, in; the lowest few, out. Windows with fewer than `least` ratings take no part."""

    def __init__(self, least: int) -> None:
        self._least = least
        self._counts: dict[str, Counts] = {}
        self._means: dict[str, float] = {}
        self._order: list[tuple[float, str]] = []
        self._uppers: dict[str, float] = {}

    def clear(self) -> None:
        """Forget every window: a new day begins."""
        for kept in (self._counts, self._means, self._order, self._uppers):
            kept.clear()

    def put(self, window: str, n: Counts) -> None:
        """Set the counts of `window`."""
        before = self._means.pop(window, None)
        if before is not None:
            del self._order[bisect_left(self._order, (before, window))]
            self._uppers.pop(window, None)
        if sum(n) < self._least:
            self._counts.pop(window, None)
            return
        self._counts[window] = n
        self._means[window] = average = mean(n)
        insort(self._order, (average, window))

    def pick(self, most: int) -> list[tuple[str, Counts]]:
        """Return the (up to `most`) windows of lowest upper bound, lowest first; of equals the lower mean first."""
        best: list[tuple[float, float, str]] = []
        for average, window in self._order:
            if len(best) == most and average > best[-1][0]:
                break
            bound = self._uppers.get(window)
            if bound is None:
                bound = self._uppers[window] = upper(average, sum(self._counts[window]))
            entry = (bound, average, window)
            if len(best) < most or entry < best[-1]:
                insort(best, entry)
                del best[most:]
        return [(window, self._counts[window]) for _, _, window in best]
