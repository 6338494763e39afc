"""How often the filter flags honest people: the simulated crowd over weeks, as it comes and through a queue.

And the latter where the power fails once a day for 20 to 60 minutes, at any time between half past eight and five.

Usage: python -m bench.misuse [--windows N] [--weeks N] [--a-day N] [--seed N]
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from random import Random

from cloud.calendar import Calendar
from cloud.hours.holder import offices_of
from cloud.hours.rules import NOTHING
from cloud.misuse.diary import Diary
from cloud.misuse.policy import shipped
from cloud.misuse.rules import Flag, judge
from cloud.misuse.sight import Seen
from contract.identity import township_of
from firmware_sim.crowd import DAY_S, OFFICE, tempers, visits

CALENDAR = Calendar("Asia/Shanghai")
FIRST = "2026-03-02"
SETTLE_S, COOLDOWN_S = 0.8, 3.0
# The median and the spread of how long a person is served, and the shortest; chosen, not measured.
SERVICE_S, SERVICE_SIGMA, SHORTEST_S = 240.0, 0.7, 45.0
# The mean of the office profile over a day: what is asked for a day becomes a rate at the busiest hour.
_MEAN = sum(OFFICE.at(minute * 60.0) for minute in range(1440)) / 1440

# A window that somebody stuffs: so many ratings within half a second, at ten in the morning.
NODE = "371721121-a1"
STUFFED, STUFFED_AT_MS = 50_000, 36_000_000

# The hours of a day between which the power may fail, and for how long it does (s).
CUTS_H, CUT_S = (8.5, 17.0), (1200.0, 3600.0)
# By window, when people press (seconds from the first midnight), and how often.
Ratings = dict[str, list[tuple[float, int]]]


def arrivals(seed: int, windows: Sequence[str], a_day: float, days: int) -> Ratings:
    """When people come to each window, in seconds from the first midnight, and how often each presses."""
    known = tempers(seed, windows)
    per_s = a_day * len(windows) / (DAY_S * _MEAN)
    found = {}
    for window in windows:
        came: list[tuple[float, int]] = []
        crowd = visits(seed, window, known[window], per_s=per_s, profile=OFFICE, begin_s=0.0, settle_s=SETTLE_S)
        for visit in crowd:
            if visit.at_s >= days * DAY_S:
                break
            came.append((visit.at_s, len(visit.presses)))
        found[window] = came
    return found


def as_they_come(came: Sequence[tuple[float, int]]) -> Iterator[tuple[float, int]]:
    """Yield what the node counts of people who press as they arrive; none waits for another."""
    free = 0.0
    for at, presses in came:
        if at >= free:
            yield at, presses
            free = at + SETTLE_S + COOLDOWN_S


def through_a_queue(came: Sequence[tuple[float, int]], seed: str) -> Iterator[tuple[float, int]]:
    """Yield when the same people press as they leave one counter, which serves one after the other until it closes."""
    own = Random(seed)
    free = 0.0
    for at, presses in came:
        served = max(SHORTEST_S, SERVICE_S * own.lognormvariate(0.0, SERVICE_SIGMA))
        free = max(free, at) + served
        if free % DAY_S < 17.9 * 3600:
            yield free, presses


def power_cuts(window: str, days: int) -> list[tuple[float, float]]:
    """Return from when until when (seconds from the first midnight) the power fails, once a day."""
    own = Random(f"cuts/{window}")
    begins = [day * DAY_S + 3600 * own.uniform(*CUTS_H) for day in range(days)]
    return [(begin, begin + own.uniform(*CUT_S)) for begin in begins]


def flags_of(windows: Sequence[str], ratings: Ratings, days: int, *, cut: bool) -> tuple[list[Flag], int, int]:
    """Return every flag over the working days, and how many window-days and ratings were judged."""
    offices = offices_of(NOTHING, CALENDAR)
    start = CALENDAR.start(FIRST)
    flags: list[Flag] = []
    judged = total = 0
    for window in windows:
        node, _, short = window.partition("/")
        by_day: dict[str, list[Seen]] = {}
        cuts = power_cuts(window, days) if cut else [(DAY_S * (days + 1), 0.0)] * days
        for number, (at, presses) in enumerate(ratings[window], 1):
            begin, end = cuts[min(int(at // DAY_S), days - 1)]
            if begin <= at < end:
                continue
            day = CALENDAR.later(FIRST, int(at // DAY_S))
            if offices.day(township_of(node), day).open:
                run = f"{'after' if at >= begin else 'since'}{at // DAY_S:05.0f}"
                seen = Seen(start + int(at * 1000), short, run, number, presses, sure=True)
                by_day.setdefault(day, []).append(seen)
                total += 1
        diary = Diary(
            by_day,
            calendar=CALENDAR,
            office=partial(offices.day, township_of(node)),
            has_window=lambda _window, _at: True,
        )
        for day in CALENDAR.between(FIRST, CALENDAR.later(FIRST, days - 1)):
            if offices.day(township_of(node), day).open:
                flags += judge(node, day, diary, shipped(), over=True)
                judged += 1
    return flags, judged, total


def judge_s(count: int) -> float:
    """Return the seconds of CPU that one day takes at a window that was stuffed with `count` ratings in a moment."""
    start, day = CALENDAR.start(FIRST), FIRST
    seen = [Seen(start + STUFFED_AT_MS + index % 500, "01", "run", index + 1, 1, sure=True) for index in range(count)]
    diary = Diary(
        {day: sorted(seen)},
        calendar=CALENDAR,
        office=partial(offices_of(NOTHING, CALENDAR).day, township_of(NODE)),
        has_window=lambda _window, _at: True,
    )
    began = time.process_time()
    judge(NODE, day, diary, shipped(), over=True)
    return time.process_time() - began


def main() -> None:
    """Print a table for each way of coming, and what a stuffed window costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=40)
    parser.add_argument("--weeks", type=int, default=8)
    parser.add_argument("--a-day", type=float, default=60.0, help="people at each window, on average")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    windows = [f"371721121-a{number}/01" for number in range(asked.windows)]
    days = asked.weeks * 7
    came = arrivals(asked.seed, windows, asked.a_day, days)
    queued = {window: list(through_a_queue(found, window)) for window, found in came.items()}
    ways = {
        "as they come": ({window: list(as_they_come(found)) for window, found in came.items()}, False),
        "through a queue": (queued, False),
        "through a queue, with a power cut a day": (queued, True),
    }
    for way, (ratings, cut) in ways.items():
        began = time.process_time()
        flags, judged, total = flags_of(windows, ratings, days, cut=cut)
        took = time.process_time() - began
        print(f"{way}: {total:,} ratings, {judged:,} window-days, {1000 * took / judged:.1f} ms of CPU a window-day")
        counts = Counter(flag.rule for flag in flags)
        sizes: Counter[str] = Counter()
        for flag in flags:
            sizes[flag.rule] += flag.size
        for rule in ("double", "children", "burst", "mash", "closed", "silence", "unplugged"):
            share = 100 * sizes[rule] / total
            print(
                f"  {rule:<10} {counts[rule]:6,} flags, {1000 * counts[rule] / judged:7.2f} in 1,000 window-days, "
                f"{share:.3f} % of ratings"
            )
    some, twice = judge_s(STUFFED), judge_s(2 * STUFFED)
    print(f"a stuffed window: {STUFFED:,} ratings {some:.2f} s of CPU; twice as many {twice / some:.1f} times that")


if __name__ == "__main__":
    main()
