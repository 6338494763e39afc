"""Trends from SQL against a naive recount, and what of a single window may be seen."""

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.calendar import HOUR_MS, MINUTE_MS, Calendar
from cloud.database import Database, open_database
from cloud.series.embedded import Embedded
from cloud.series.rules import OTHERS, VEIL_MS, buckets, by_hour, starts
from cloud.tallies import store
from proof.scores import Counts

CALENDAR = Calendar("Asia/Shanghai")
NOON = CALENDAR.start("2026-11-22") + 12 * HOUR_MS
WINDOWS = ["371721121-a1/01", "371721121-a1/011", "371721121-b/01", "371721122-a1/01", "371722001-a1/01"]
# Four hours across midnight, every third minute, each window its own counts.
CELLS: dict[tuple[str, int], Counts] = {
    (window, (NOON - 14 * HOUR_MS) // MINUTE_MS + minute): (1 + number, number, minute % 2)
    for minute in range(0, 240, 3)
    for number, window in enumerate(WINDOWS)
}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with await open_database(str(tmp_path / "city.db")) as opened:
        async with opened.writer.begin() as connection:
            await store.add(connection, CELLS, "button", CALENDAR.day)
        yield opened


def recount(place: str) -> dict[int, Counts]:
    found: dict[int, Counts] = {}
    for (window, minute), n in CELLS.items():
        if place in {"city", window} or ("/" not in place and window.startswith(place)):
            before = found.get(minute, (0, 0, 0))
            found[minute] = (before[0] + n[0], before[1] + n[1], before[2] + n[2])
    return found


@pytest.mark.parametrize("place", ["city", "371721", "371721121", "371722", *WINDOWS])
async def test_every_place_is_counted_alone(database: Database, place: str) -> None:
    series = Embedded(database.reader, CALENDAR)
    minutes = recount(place)
    first, last = min(minutes), max(minutes)
    assert await series.minutes(place, first, last) == minutes
    inner = {minute: n for minute, n in minutes.items() if first + 5 <= minute <= last - 5}
    assert await series.minutes(place, first + 5, last - 5) == inner
    days: dict[str, Counts] = {}
    for minute, n in minutes.items():
        before = days.get(CALENDAR.day(minute * MINUTE_MS), (0, 0, 0))
        days[CALENDAR.day(minute * MINUTE_MS)] = (before[0] + n[0], before[1] + n[1], before[2] + n[2])
    assert set(days) == {"2026-11-21", "2026-11-22"}
    assert await series.days(place, "2026-11-01", "2026-11-30") == days
    assert await series.days(place, "2026-11-21", "2026-11-21") == {"2026-11-21": days["2026-11-21"]}


async def test_a_place_without_ratings_has_none(database: Database) -> None:
    series = Embedded(database.reader, CALENDAR)
    assert await series.minutes("371799", 0, 10) == {}
    assert await series.days("371799", "2026-11-21", "2026-11-22") == {}


@given(st.sampled_from(["minute", "hour"]), st.integers(0, 10**13), st.integers(1, 200))
def test_buckets_have_no_gaps_and_the_last_holds_the_moment(by: str, until: int, count: int) -> None:
    width = MINUTE_MS if by == "minute" else HOUR_MS
    firsts = starts("minute" if by == "minute" else "hour", until, count, CALENDAR)
    assert len(firsts) == count
    assert firsts[-1] <= until < firsts[-1] + width
    assert all(after - before == width for before, after in pairwise(firsts))


def test_days_are_the_citys() -> None:
    firsts = starts("day", NOON, 3, CALENDAR)
    assert [CALENDAR.day(first) for first in firsts] == ["2026-11-20", "2026-11-21", "2026-11-22"]


def test_hours_hold_their_minutes() -> None:
    minute = NOON // MINUTE_MS
    hours = by_hour({minute - 1: (1, 0, 0), minute: (0, 1, 0), minute + 59: (0, 1, 1)}, CALENDAR)
    assert hours == {NOON - HOUR_MS: (1, 0, 0), NOON: (0, 2, 1)}


def test_a_single_windows_fresh_few_hide_their_levels_and_never_their_number() -> None:
    firsts = [NOON - 2 * HOUR_MS - MINUTE_MS, NOON - 2 * HOUR_MS, NOON - HOUR_MS, NOON]
    few: Counts = (0, 0, OTHERS)
    enough: Counts = (0, 1, OTHERS)
    counts = {firsts[0]: few, firsts[1]: few, firsts[2]: enough, firsts[3]: few}
    now = NOON + MINUTE_MS
    veiled = buckets(firsts, counts, now=now, veiled=True)
    assert [bucket.count for bucket in veiled] == [OTHERS, OTHERS, OTHERS + 1, OTHERS]
    assert [bucket.n for bucket in veiled] == [few, few, enough, None]
    assert veiled[3].score is None
    just_ended = buckets(firsts, counts, now=firsts[2] + VEIL_MS - 1, veiled=True)
    assert just_ended[1].n is None
    assert [bucket.n for bucket in buckets(firsts, counts, now=now, veiled=False)] == [few, few, enough, few]
