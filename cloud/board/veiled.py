"""Today's counts by window, as a wall may show them: through the veil, so that nobody learns who rated just now. Pure.

A rating is in them from the first full multiple of the veil's minutes at which these have passed since it was counted.
A place that has one window alone is that window: its figures stand behind the veil too.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace

from cloud.board.day import Day
from cloud.board.picture import FeedItem
from cloud.calendar import MINUTE_MS
from contract.identity import county_of
from contract.veil import Veil, full
from proof.scores import Counts, minus, plus

_ZERO: Counts = (0, 0, 0)


class Veiled:
    """What of `day` is seen by now; `lone` are the townships (9 digits) and counties (6) with one window alone."""

    def __init__(self, veil: Veil, lone: Collection[str]) -> None:
        self.day = Day()
        self.lone = lone
        self._veil = veil
        # By the moment (ms) from which they are seen: counts by window.
        self._waiting: defaultdict[int, dict[str, Counts]] = defaultdict(dict)

    def open_day(self, windows: Mapping[str, Counts], fresh: Mapping[str, Counts], now: int) -> None:
        """Begin a day at `now` (ms) with the counts of `windows`, of which `fresh` are not seen yet."""
        self.day = Day()
        self._waiting.clear()
        for window, n in windows.items():
            self.day.add(window, minus(n, fresh.get(window, _ZERO)))
        self.count(fresh, now)

    def count(self, windows: Mapping[str, Counts], at: int) -> None:
        """Take what was counted at `at` (ms), by window."""
        waiting = self._waiting[full(at + self._veil.minutes * MINUTE_MS, self._veil)]
        for window, n in windows.items():
            waiting[window] = plus(waiting.get(window, _ZERO), n)

    def unveil(self, now: int) -> Iterable[str]:
        """Let be seen what is due at `now` (ms); the windows whose counts changed."""
        changed = set[str]()
        for due in [due for due in self._waiting if due <= now]:
            windows = self._waiting.pop(due)
            self.day.add_all(windows)
            changed |= windows.keys()
        return changed

    def seen(self, feed: Iterable[FeedItem]) -> list[FeedItem]:
        """`feed` as it may be seen: of a township with one window with its county, and of such a county not at all."""
        shown = []
        for item in feed:
            place = item.township if item.township not in self.lone else county_of(item.township)
            if place not in self.lone:
                shown.append(replace(item, township=place))
        return shown
