"""The board: a pure fold of commits into what the wall shows.

It is loaded from the tallies once and then told every commit. `snapshot` is the whole picture, `diff` what changed
since the diff before; both hold absolute values, so a page that merges a diff twice, or one that its snapshot already
contained, still shows the truth.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import msgspec

from cloud.board.day import Day, city, unit
from cloud.board.loaded import Loaded
from cloud.board.lowest import Lowest
from cloud.board.pace import Pace
from cloud.board.picture import (
    Cases,
    City,
    Diff,
    FeedItem,
    LastSeal,
    LastWeek,
    LowWindow,
    Nodes,
    Path,
    Picture,
    Tick,
    Turnout,
    Unit,
    short_name,
)
from cloud.board.trends import Trends
from cloud.board.veiled import Veiled
from cloud.calendar import MINUTE_MS, Calendar
from cloud.ledger.cells import Cells, by_channel, by_minute, counts_of, rated
from cloud.ledger.commit import Commit
from contract.identity import BUTTON, county_of, township_of
from contract.veil import Veil
from proof.scores import BINS, WEIGHTS, Counts, interval, percent, percent_interval

LOWEST = 5
FEED = 8


class _Parts(NamedTuple):
    """The parts of a picture that a diff replaces whole."""

    day: str
    total: int
    city: City
    lowest: list[LowWindow]
    feed: list[FeedItem]
    trends: object
    last_week: LastWeek
    path: Path
    nodes: Nodes
    cases: Cases
    seal: LastSeal | None
    turnout: Turnout | None


class Board:
    """One boot of the board; `boot` is its name in ids. `townships` are the codes that always have a tile.

    `lone` are the places with one window alone, whose figures go through the `veil` as those of windows do. What is no
    commit's is set by whoever knows it: `cases`, the open ones, the newest `seal`, and the `turnout` of today.
    """

    def __init__(
        self,
        loaded: Loaded,
        *,
        boot: str,
        now: int,
        calendar: Calendar,
        least: int,
        veil: Veil,
        townships: Iterable[str],
        lone: Collection[str] = (),
    ) -> None:
        self.position = loaded.position
        self.commits = loaded.commits
        self._boot = boot
        self._number = 0
        self._calendar = calendar
        self._least = least
        self._now = now
        self._today = calendar.day(now)
        self._ahead: defaultdict[str, Day] = defaultdict(Day)
        for day, windows in loaded.ahead.items():
            self._ahead[day].add_all(windows)
        self._trends = Trends(calendar, loaded.minutes, loaded.days, loaded.estimated, least)
        self._total = loaded.total
        self._quarantined = loaded.quarantined
        self._uncounted = loaded.uncounted
        self._feed = list(loaded.feed)[:FEED]
        self._pace = Pace()
        self._nodes = Nodes()
        self.cases = Cases()
        self.seal: LastSeal | None = None
        self.turnout: Turnout | None = None
        self._lowest = Lowest(least)
        self._veiled = Veiled(veil, lone)
        self._shown: dict[str, Unit] = {}
        self._day = Day(townships)
        self._open_day(loaded.fresh)
        self._sent = self._parts()
        self._sent_position = self.position
        self._show_changed()

    @property
    def id(self) -> str:
        """The id of the newest diff: what a page that missed nothing holds."""
        return f"{self._boot}-{self._number}"

    def apply(self, commit: Commit) -> None:
        """Count what `commit` brought; one that the loaded tallies already held is skipped."""
        if commit.number <= self.commits:
            return
        self.commits = commit.number
        self.position = commit.position
        # The wall tells what the buttons say; what comes by another channel stands in the feed alone.
        count = self._count(by_channel(commit.cells).get(BUTTON, {}), commit.at)
        for (_, minute), ratings in by_channel(commit.estimated).get(BUTTON, {}).items():
            self._trends.guess(minute, ratings)
        self._total += count
        self._quarantined += commit.quarantined
        self._uncounted += commit.uncounted
        self._pace.add(commit.at, count, commit.delays)
        fresh = [FeedItem(r.at, township_of(r.window), r.level, r.channel, r.late, r.estimated) for r in commit.newest]
        self._feed = sorted(fresh + self._feed, key=lambda item: -item.at)[:FEED]

    def _count(self, cells: Cells, at: int) -> int:
        """Count `cells` in the trends, and by window those of today and later; how many ratings they are."""
        ahead: dict[str, dict[str, int]] = {}
        of: dict[int, dict[str, int]] = {}
        for minute, n in by_minute(cells).items():
            day = self._calendar.day(minute * MINUTE_MS)
            self._trends.add(minute, day, counts_of(n))
            if day >= self._today:
                of[minute] = ahead.setdefault(day, {})
        for (window, minute), n in cells.items() if of else ():
            windows = of.get(minute)
            if windows is not None:
                windows[window] = windows.get(window, 0) + n
        for day, windows in ahead.items():
            counted, brought = self._ahead[day], {window: counts_of(n) for window, n in windows.items()}
            counted.add_all(brought)
            if counted is self._day:
                self._veiled.count(brought, at)
        return rated(cells)

    def tell(self, nodes: Nodes) -> None:
        """Take the newest picture of the devices."""
        self._nodes = nodes

    def know(self, townships: Iterable[str], lone: Collection[str]) -> None:
        """Take part of further `townships`, and in which places there is one window alone: the registry changed."""
        self._day.know(townships)
        self._veiled.lone = lone
        self._day.changed.update(self._day.townships)

    def misdated(self, now: int) -> bool:
        """Whether the clock went back so far that what was dropped is needed again: then load anew."""
        return now < self._now - MINUTE_MS or self._calendar.day(now) < self._today

    def advance(self, now: int) -> None:
        """Move the clock to `now` (ms): windows of time move on, and at midnight a new day is counted from zero."""
        if now // MINUTE_MS != self._now // MINUTE_MS:
            self._trends.forget(now)
        self._now = now
        self._pace.forget(now)
        today = self._calendar.day(now)
        if today > self._today:
            self._today = today
            self._quarantined = 0
            self._open_day(self._ahead[today].windows)

    def snapshot(self) -> Picture:
        """Return the whole picture, as of the newest diff or later."""
        parts = self._parts()
        return Picture(
            id=self.id,
            position=self.position,
            now=self._now,
            zone=self._calendar.zone,
            weights=WEIGHTS,
            least=self._least,
            bins=BINS,
            counties=self._units(self._day.counties),
            townships=self._units(self._day.townships),
            **parts._asdict(),
        )

    def diff(self) -> Diff | None:
        """Return what changed since the diff before, under the next id; None when nothing did."""
        parts = self._parts()
        changed = {
            name: part
            for name, part, before in zip(_Parts._fields, parts, self._sent, strict=True)
            if part is not before and part != before
        }
        townships, counties = self._show_changed()
        if townships:
            changed["townships"] = townships
        if counties:
            changed["counties"] = counties
        if not changed and self.position == self._sent_position:
            return None
        self._sent = parts
        self._sent_position = self.position
        self._number += 1
        return msgspec.structs.replace(Diff(self.id, self.position, self._now), **changed)

    def tick(self) -> Tick:
        """Return a sign of life."""
        return Tick(self._now, self.id)

    def _open_day(self, fresh: Mapping[str, Counts]) -> None:
        for day in [day for day in self._ahead if day < self._today]:
            del self._ahead[day]
        # A place that once had a tile keeps it.
        known, self._day = self._day.townships, self._ahead[self._today]
        self._day.know(known)
        self._day.changed.update(self._day.townships)
        self._lowest.clear()
        self._veiled.open_day(self._day.windows, fresh, self._now)
        for window, n in self._veiled.day.windows.items():
            self._lowest.put(window, n)

    def _unveil(self) -> None:
        for window in self._veiled.unveil(self._now):
            self._lowest.put(window, self._veiled.day.windows[window])
            self._day.changed.add(township_of(window))

    def _show_changed(self) -> tuple[dict[str, Unit], dict[str, Unit]]:
        """Return the townships and counties whose shown figures are others than before."""
        changed, self._day.changed = self._day.changed, set()
        return self._fresh(sorted(changed)), self._fresh(sorted({county_of(code) for code in changed}))

    def _fresh(self, places: Iterable[str]) -> dict[str, Unit]:
        fresh = {}
        for code in places:
            before, n = self._shown.get(code), self._seen(code)
            if before is None or before.n != n:
                fresh[code] = self._shown[code] = unit(n, self._least)
        return fresh

    def _units(self, places: Iterable[str]) -> dict[str, Unit]:
        return {code: unit(self._seen(code), self._least) for code in places}

    def _seen(self, place: str) -> Counts:
        """The counts of township or county `place` that may be seen by now."""
        return (self._veiled.day if place in self._veiled.lone else self._day).of(place)

    def _parts(self) -> _Parts:
        self._unveil()
        return _Parts(
            day=self._today,
            total=self._total,
            city=city(self._day.city, self._trends.week_so_far(self._now), self._least),
            lowest=[_low_window(window, n) for window, n in self._lowest.pick(LOWEST)],
            feed=self._veiled.seen(self._feed),
            trends=self._trends.picture(self._now),
            last_week=self._trends.last_week(self._now),
            path=Path(
                rate=self._pace.rate,
                p50_ms=self._pace.quantile(0.5),
                p99_ms=self._pace.quantile(0.99),
                quarantined=self._quarantined,
                uncounted=self._uncounted,
            ),
            nodes=self._nodes,
            cases=self.cases,
            seal=self.seal,
            turnout=self.turnout,
        )


def _low_window(window: str, n: Counts) -> LowWindow:
    low, high = percent_interval(interval(n))
    return LowWindow(
        window=window,
        township=township_of(window),
        number=short_name(window),
        n=n,
        score=percent(n) or 0.0,
        low=low,
        high=high,
    )
