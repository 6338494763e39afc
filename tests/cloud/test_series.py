"""Trends of every store of series, on both databases, against a naive recount; what of a window may be seen."""

from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.calendar import HOUR_MS, MINUTE_MS
from cloud.database import Database
from cloud.series.asked import Asked
from cloud.series.lines import FOREVER, NS_A_MINUTE, NS_A_MS, RAW
from cloud.series.opening import open_series
from cloud.series.port import Series
from cloud.series.remote import Remote
from cloud.series.rules import OTHERS, VEIL_MS, Scale, Veil, buckets, by_hour, ranked, starts
from cloud.settings import SeriesSettings
from firmware_sim.servers.influx import Influx as Server
from proof.scores import Counts
from tests.cloud.fed import feeder_of, influx_at
from tests.cloud.filled import CALENDAR, NOON, TODAY, fill

Key = TypeVar("Key", int, str)
BEFORE = CALENDAR.last_days(TODAY, 2)[0]
LONG_BEFORE = CALENDAR.last_days(TODAY, 20)[0]
TOMORROW = CALENDAR.day(NOON + 24 * HOUR_MS)
WINDOWS = ["371721121-a1/01", "371721121-a1/011", "371721121-b/01", "371721122-a1/01", "371722001-a1/01"]
# Four hours across midnight, every third minute, each window its own counts.
CELLS: dict[tuple[str, int], Counts] = {
    (window, (NOON - 14 * HOUR_MS) // MINUTE_MS + minute): (1 + number, number, minute % 2)
    for minute in range(0, 240, 3)
    for number, window in enumerate(WINDOWS)
}


Recount = dict[int, Counts]


@pytest.fixture(params=["embedded", "influx"])
async def series(
    request: pytest.FixtureRequest, database: Database, influx: Server, influx_database: str
) -> AsyncIterator[Series]:
    """The ratings of CELLS in each store of series, fed from a ledger on each database."""
    await fill(database, CELLS, CALENDAR)
    settings = SeriesSettings(
        kind=request.param, url=influx.url, database=influx_database, token_file=str(influx.token_file)
    )
    async with open_series(settings, database, calendar=CALENDAR, now=lambda: NOON) as opened:
        if opened.feeder is not None:
            await opened.feeder.feed()
            assert (opened.feeder.behind, opened.feeder.rejected, opened.feeder.skipped) == (0, 0, 0)
        yield opened.reader


def summed(minutes: Recount, name: Callable[[int], Key]) -> dict[Key, Counts]:
    found: dict[Key, Counts] = {}
    for minute, n in minutes.items():
        before = found.get(name(minute), (0, 0, 0))
        found[name(minute)] = (before[0] + n[0], before[1] + n[1], before[2] + n[2])
    return found


def recount(place: str) -> dict[int, Counts]:
    found: dict[int, Counts] = {}
    for (window, minute), n in CELLS.items():
        if place in {"city", window} or ("/" not in place and window.startswith(place)):
            before = found.get(minute, (0, 0, 0))
            found[minute] = (before[0] + n[0], before[1] + n[1], before[2] + n[2])
    return found


async def test_every_place_is_counted_alone(series: Series) -> None:
    for place in ["city", "371721", "371721121", "371722", *WINDOWS]:
        minutes = recount(place)
        first, last = min(minutes), max(minutes)
        assert await series.minutes(place, first, last) == minutes, place
        inner = {minute: n for minute, n in minutes.items() if first + 5 <= minute <= last - 5}
        assert await series.minutes(place, first + 5, last - 5) == inner, place


async def test_hours_are_the_sums_of_their_minutes(series: Series) -> None:
    for place in ["city", "371721", "371721121", "371722", *WINDOWS]:
        hours = summed(recount(place), lambda minute: CALENDAR.hour(minute * MINUTE_MS) // MINUTE_MS)
        first, last = min(hours), max(hours)
        assert len(hours) > 3
        assert await series.hours(place, first, last) == hours, place
        inner = {hour: n for hour, n in hours.items() if first < hour < last}
        assert await series.hours(place, first + 60, last - 60) == inner, place


async def test_days_are_the_citys_and_the_sums_of_their_minutes(series: Series) -> None:
    for place in ["city", "371721", "371721121", "371722", *WINDOWS]:
        days = summed(recount(place), lambda minute: CALENDAR.day(minute * MINUTE_MS))
        assert set(days) == {BEFORE, TODAY}
        assert await series.days(place, LONG_BEFORE, TOMORROW) == days, place
        assert await series.days(place, BEFORE, BEFORE) == {BEFORE: days[BEFORE]}, place


async def test_the_ranking_sums_townships_over_days(series: Series) -> None:
    def of(place: str, days: set[str]) -> Counts:
        kept = {m: n for m, n in recount(place).items() if CALENDAR.day(m * MINUTE_MS) in days}
        return summed(kept, lambda _: 0)[0]

    townships = ["371721121", "371721122", "371722001"]
    both = {BEFORE, TODAY}
    assert await series.ranking(BEFORE, TODAY) == {place: of(place, both) for place in townships}
    assert await series.ranking(TODAY, TODAY) == {place: of(place, {TODAY}) for place in townships}
    assert await series.ranking(TOMORROW, TOMORROW) == {}


async def test_a_place_without_ratings_has_none(series: Series) -> None:
    minute = NOON // MINUTE_MS
    assert await series.minutes("371799", minute, minute + 10) == {}
    assert await series.hours("371799", minute, minute + 600) == {}
    assert await series.days("371799", BEFORE, TODAY) == {}


async def test_foreign_points_do_not_keep_a_trend_from_being_drawn(
    database: Database, influx: Server, influx_database: str
) -> None:
    await fill(database, CELLS, CALENDAR)
    async with influx_at(influx, influx_database) as client:
        await feeder_of(database, client).feed()
        first = min(recount("city"))
        tags = ("", ",level=9", ",level=x,township=371721121")
        foreign = [
            f"rating,channel=button,window={WINDOWS[0]}{more} n=1i,seq=1i {first * NS_A_MINUTE + 1}" for more in tags
        ]
        assert await client.write(RAW, foreign) == []
        hour, day = CALENDAR.hour(first * MINUTE_MS), CALENDAR.start(BEFORE)
        sums = [
            f"rating_1h,channel=button,county=371722,township=371722009 basic=2i {hour * NS_A_MS}",
            f"rating_1h,channel=button basic=1i {hour * NS_A_MS}",
        ]
        sums.append(f"rating_1d,channel=button,window=no/window satisfied=2i {day * NS_A_MS}")
        assert await client.write(FOREVER, sums) == []
        series = Remote(client, CALENDAR)
        assert await series.minutes("city", first, first) == {first: recount("city")[first]}
        assert await series.minutes(WINDOWS[0], first, first) == {first: recount(WINDOWS[0])[first]}
        assert (await series.ranking(LONG_BEFORE, TODAY))["371722009"] == (0, 2, 0)
        assert "" not in await series.ranking(LONG_BEFORE, TODAY)
        assert await series.days("no/window", LONG_BEFORE, TODAY) == {BEFORE: (2, 0, 0)}


@given(st.sampled_from(["minute", "hour"]), st.integers(0, 10**13), st.integers(1, 200))
def test_buckets_have_no_gaps_and_the_last_holds_the_moment(by: str, until: int, count: int) -> None:
    width = MINUTE_MS if by == "minute" else HOUR_MS
    firsts = starts("minute" if by == "minute" else "hour", until, count, CALENDAR)
    assert len(firsts) == count
    assert firsts[-1] <= until < firsts[-1] + width
    assert all(after - before == width for before, after in pairwise(firsts))


def test_days_are_the_citys() -> None:
    firsts = starts("day", NOON, 3, CALENDAR)
    assert [CALENDAR.day(first) for first in firsts] == CALENDAR.last_days(TODAY, 3)


def test_hours_hold_their_minutes() -> None:
    minute = NOON // MINUTE_MS
    hours = by_hour({minute - 1: (1, 0, 0), minute: (0, 1, 0), minute + 59: (0, 1, 1)}, CALENDAR)
    assert hours == {NOON - HOUR_MS: (1, 0, 0), NOON: (0, 2, 1)}


@pytest.mark.parametrize(
    ("veil", "hidden"),
    [("none", []), ("few", ["fresh few"]), ("fresh", ["fresh few", "fresh"]), ("ever", ["old", "fresh few", "fresh"])],
)
def test_what_is_behind_a_veil_hides_its_levels_and_never_its_number(veil: Veil, hidden: list[str]) -> None:
    names = ["old", "fresh few", "fresh"]
    firsts = [NOON - 2 * HOUR_MS, NOON - HOUR_MS, NOON]
    counts: list[Counts] = [(0, 0, 2), (0, 1, OTHERS - 1), (40, 1, 9)]
    now = NOON + VEIL_MS - 1
    found = buckets(firsts, dict(zip(firsts, counts, strict=True)), {}, now=now, veil=veil)
    assert [bucket.count for bucket in found] == [2, OTHERS, 50]
    assert [name for name, bucket in zip(names, found, strict=True) if bucket.n is None] == hidden
    assert [bucket.score is None for bucket in found] == [bucket.n is None for bucket in found]
    later = buckets(firsts, dict(zip(firsts, counts, strict=True)), {}, now=now + 1, veil=veil)
    assert (later[1].n is None) == (veil == "ever")


@given(st.lists(st.integers(1, 3), min_size=1, max_size=40), st.integers(0, 2 * HOUR_MS))
def test_whoever_asks_after_each_rating_of_a_window_learns_no_level(levels: list[int], later: int) -> None:
    """The difference of two answers would be the rating between them, however many there were before."""
    n = [0, 0, 0]
    for level in levels:
        n[3 - level] += 1
        (bucket,) = buckets([NOON], {NOON: (n[0], n[1], n[2])}, {}, now=NOON + later, veil="fresh")
        assert (bucket.count, bucket.n, bucket.score) == (sum(n), None, None)


@pytest.mark.parametrize(
    ("place", "by", "at_once", "veil"),
    [
        ("371721121-a1/01", "minute", False, "ever"),
        ("371721121-a1/01", "day", False, "fresh"),
        ("371721121", "minute", False, "ever"),
        ("371721121", "hour", False, "fresh"),
        ("371721", "minute", False, "few"),
        ("city", "minute", False, "few"),
        ("371721121-a1/01", "minute", True, "none"),
    ],
)
def test_the_veil_of_each_place(place: str, by: Scale, at_once: bool, veil: Veil) -> None:  # noqa: FBT001
    assert Asked(by, place, 60, None, at_once).veil == veil


def test_a_few_lucky_ratings_put_no_township_in_front() -> None:
    counts: dict[str, Counts] = {"371721001": (3, 0, 0), "371721002": (900, 60, 10), "371721003": (0, 0, 40)}
    order = ranked(counts, ["371721004", "371721001"])
    assert [row.place for row in order] == ["371721002", "371721001", "371721003", "371721004"]
    first, second, third, last = order
    assert (first.count, first.n, first.score) == (970, (900, 60, 10), 96.5)
    assert first.interval is not None
    assert first.interval[0] <= 96.5 <= first.interval[1]
    assert (second.score, third.score) == (100.0, 0.0)
    assert (last.count, last.score, last.interval) == (0, None, None)
