"""The windows that are surely low: ranked by the upper bound of their score, so that bad luck alone puts none there.

A bound costs some 10 microseconds, and a busy city changes thousands of windows a second. So the order is lazy: a
window whose counts changed stands by its mean, which its bound is never below, and gets its bound when it is met among
the lowest. Once met it stands by the bound until its counts change again; asking twice costs nothing.
"""

from bisect import bisect_left, insort

from proof.scores import Counts, mean, upper

# Bound (or, while that is not known, mean), mean, window.
_Place = tuple[float, float, str]


class Lowest:
    """Counts of today by window, in; the lowest few, out. Windows with fewer than `least` ratings take no part."""

    def __init__(self, least: int) -> None:
        self._least = least
        self._counts: dict[str, Counts] = {}
        self._order: list[_Place] = []
        self._places: dict[str, _Place] = {}
        self._bounded: set[str] = set()

    def clear(self) -> None:
        """Forget every window: a new day begins."""
        for kept in (self._counts, self._order, self._places, self._bounded):
            kept.clear()

    def put(self, window: str, n: Counts) -> None:
        """Set the counts of `window`."""
        before = self._places.pop(window, None)
        if before is not None:
            del self._order[bisect_left(self._order, before)]
            self._bounded.discard(window)
        if sum(n) < self._least:
            return
        self._counts[window] = n
        average = mean(n)
        self._place((average, average, window))

    def pick(self, most: int) -> list[tuple[str, Counts]]:
        """Return the (up to `most`) windows of lowest upper bound, lowest first; of equals the lower mean first."""
        at = 0
        while at < min(most, len(self._order)):
            _, average, window = self._order[at]
            if window in self._bounded:
                at += 1
                continue
            del self._order[at]
            self._bounded.add(window)
            self._place((upper(average, sum(self._counts[window])), average, window))
        return [(window, self._counts[window]) for _, _, window in self._order[:at]]

    def _place(self, place: _Place) -> None:
        self._places[place[2]] = place
        insort(self._order, place)
