"""A node's days as the rules read them: what was seen of its ratings, and when its office was open. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from cloud.calendar import Calendar
from cloud.hours.rules import OfficeDay, Span
from cloud.misuse.policy import LOOKBACK_DAYS
from cloud.misuse.sight import Seen, by_window

# A window's rate is that of half an hour of the day.
SLOT_MS = 1_800_000

# Whether a window (the node's own name) was registered at a moment (ms).
HasWindow = Callable[[str, int], bool]


class Finding(NamedTuple):
    """What a rule found at `window` ("": the whole node) from `begin` to `end` (ms): `ratings`, and why."""

    rule: str
    window: str
    begin: int
    end: int
    ratings: Sequence[Seen]
    figures: Mapping[str, float | str]


class Stay(NamedTuple):
    """One window's open day: its ratings by time, and how many of them fell into each open slot."""

    office: OfficeDay
    start: int
    ratings: Sequence[Seen]
    counts: Mapping[int, int]


class Diary:
    """The days of one node. Ratings that are dated by a guess are left out, and `guessed` tells on which days.

    `visits`: all that gateways told of visits at this node, by time. `answers`: by token, the first rating that has it.
    """

    def __init__(
        self,
        ratings: Mapping[str, Sequence[Seen]],
        *,
        calendar: Calendar,
        office: Callable[[str], OfficeDay],
        has_window: HasWindow,
    ) -> None:
        """Take the ratings by day (ISO), by time on each."""
        self.calendar = calendar
        self.office = office
        self.has_window = has_window
        pressed = {day: [one for one in found if not one.visit] for day, found in ratings.items()}
        self.guessed = frozenset(day for day, found in pressed.items() if not all(one.sure for one in found))
        self.visits = sorted(one for found in ratings.values() for one in found if one.visit)
        self._ratings = {day: [one for one in found if one.sure] for day, found in pressed.items() if found}
        self.answers: dict[str, Seen] = {}
        for one in sorted(one for found in pressed.values() for one in found if one.token):
            self.answers.setdefault(one.token, one)
        self._stays: dict[tuple[str, str], Stay] = {}
        self._earlier: dict[str, Sequence[str]] = {}

    @property
    def days(self) -> Sequence[str]:
        """The days with ratings, in order."""
        return sorted(self._ratings)

    def ratings(self, day: str) -> Sequence[Seen]:
        """Return the node's ratings of `day`, by time."""
        return self._ratings.get(day, ())

    def windows(self, day: str) -> Mapping[str, Sequence[Seen]]:
        """Return the ratings of `day` by window."""
        return by_window(self.ratings(day))

    def windows_around(self, day: str) -> set[str]:
        """Return the windows with a rating on `day` or on the days that may matter to it."""
        days = (day, *self.earlier(day))
        return {one.window for when in days for one in self.ratings(when)}

    def earlier(self, day: str) -> Sequence[str]:
        """Return the days before `day` that may matter to it, the latest first."""
        found = self._earlier.get(day)
        if found is None:
            found = self._earlier[day] = [self.calendar.later(day, -back) for back in range(1, LOOKBACK_DAYS + 1)]
        return found

    def stay(self, window: str, day: str) -> Stay:
        """Return `day` at `window`."""
        found = self._stays.get((window, day))
        if found is None:
            found = self._stays[window, day] = self._stay(window, day)
        return found

    def _stay(self, window: str, day: str) -> Stay:
        office, start = self.office(day), self.calendar.start(day)
        ratings = [one for one in self.ratings(day) if one.window == window]
        counts: dict[int, int] = {}
        for one in ratings:
            if within(office.open, one.at):
                slot = (one.at - start) // SLOT_MS
                counts[slot] = counts.get(slot, 0) + 1
        return Stay(office, start, ratings, counts)


def within(spans: Sequence[Span], at: int, grace_ms: int = 0) -> bool:
    """Whether `at` (ms) lies in one of `spans`, or at most `grace_ms` beside one."""
    return any(begin - grace_ms <= at < end + grace_ms for begin, end in spans)


class Marks:
    """Which of a row of ratings are marked, by spans that may overlap and of which none begins before the last one.

    Each is marked once, however many spans it is in: a window that somebody stuffs has a hundred thousand in one.
    """

    def __init__(self, count: int) -> None:
        """Begin with none of `count` marked."""
        self.marked = [False] * count
        self._until = 0

    def span(self, first: int, last: int) -> None:
        """Mark from `first` to `last`."""
        for index in range(max(first, self._until), last + 1):
            self.marked[index] = True
        self._until = max(self._until, last + 1)


def stretches(marked: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of each run of marks that follow one another."""
    first = None
    for index, mark in enumerate(marked):
        if mark and first is None:
            first = index
        if not mark and first is not None:
            yield first, index - 1
            first = None
    if first is not None:
        yield first, len(marked) - 1
