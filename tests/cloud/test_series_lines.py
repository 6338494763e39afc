"""Points and their lines, days of comparing, and pages: what needs no server."""

from itertools import pairwise
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from cloud.calendar import HOUR_MS, Calendar
from cloud.ledger.counting import Entry, counted
from cloud.series.difference import POINTS_AT_ONCE, Cells, Difference, Sheet, difference, groups, runs, suspects
from cloud.series.lines import (
    DAILY,
    DAY_MS,
    HOURLY,
    NS_A_MS,
    RATING,
    Point,
    TagSet,
    floor_of,
    line_of,
    rating_lines,
    rating_points,
    stamp_of,
    sum_lines,
)
from cloud.series.page import page_of, touched
from cloud.series.walk import first_given
from contract.batch import Batch
from contract.codec import encode
from contract.rating import Quality, Row

NODE, EPOCH = "371721121-a1", "q7Zk2wX0aB"
NOON = 1_795_320_000_000
ROWS = st.lists(
    st.builds(Row, st.integers(0, 10**6), st.sampled_from(["01", "2"]), st.integers(1, 3), st.integers(1, 9)),
    min_size=1,
    max_size=30,
)


def batch(first: int, rows: list[Row], t0: int = NOON) -> Batch:
    return Batch(1, NODE, EPOCH, first, t0, Quality.SYNCHRONISED, rows)


def entry(position: int, first: int, count: int) -> Entry:
    made = batch(first, [Row(index, "01", 3, 1) for index in range(count)])
    return Entry(position, "batch", NODE, EPOCH, first, made.last, encode(made) + b"\nsigned")


def test_a_rating_is_a_point_with_its_press_in_the_first_and_its_number_in_the_last_digits() -> None:
    made = batch(17, [Row(5, "02", 3, 1), Row(9, "02", 1, 4)])
    salt = crc32(f"{NODE}/{EPOCH}".encode())
    tags = "channel=button,county=371721,level=1,township=371721121,window=371721121-a1/02"
    (line,) = rating_lines(made, [1])
    assert line == f"rating,{tags} n=1i,presses=4i,seq=18i {(NOON + 9) * 1_000_000 + (18 + salt) % 1_000_000}"


@given(ROWS, st.integers(1, 10**9))
def test_the_quick_lines_are_those_of_the_points(rows: list[Row], first: int) -> None:
    made = batch(first, rows)
    for indexes in (range(len(rows)), range(0, len(rows), 2)):
        assert rating_lines(made, indexes) == [line_of(RATING, point) for point in rating_points(made, indexes)]


@given(st.integers(0, 10**13), st.integers(1, 10**12), st.integers(0, 2**32), st.integers(1, 999_999))
def test_numbers_less_than_a_million_apart_never_meet_in_one_millisecond(
    at: int, number: int, salt: int, on: int
) -> None:
    one = stamp_of(at, number, salt)
    assert one // NS_A_MS == at
    assert stamp_of(at, number + on, salt) != one


def test_tags_are_escaped_as_line_protocol_wants_it() -> None:
    point = Point((("window", "a b,c=d"),), 5, (1, 2, 3))
    assert line_of(DAILY, point) == r"rating_1d,window=a\ b\,c\=d basic=1i,dissatisfied=2i,satisfied=3i 5"


def test_sums_stand_at_the_begin_of_their_hour_or_day() -> None:
    row = (NOON // 60_000, "371721121", "button", 9, 8, 7)
    tags = "channel=button,county=371721,township=371721121"
    fields = f"basic=8i,dissatisfied=7i,satisfied=9i {NOON * NS_A_MS}"
    assert sum_lines(HOURLY, [row]) == [f"rating_1h,{tags} {fields}"]
    window = (row[0], f"{NODE}/02", *row[2:])
    assert sum_lines(DAILY, [window]) == [f"rating_1d,{tags},window={NODE}/02 {fields}"]


def test_a_page_leaves_out_what_does_not_count_and_sums_what_is_too_old_to_be_kept() -> None:
    old = batch(1, [Row(0, "01", 3, 1), Row(2 * HOUR_MS, "01", 3, 1)], t0=floor_of(NOON) - HOUR_MS)
    entries = [
        entry(7, 1, 5),
        Entry(8, "admit", "", "", 0, 0, b'{"admit":[[3,1],[3,0]]}'),
        Entry(9, "batch", NODE, "other-0000", 1, 2, encode(old)),
    ]
    rows = counted(entries, given={7: [(0, 1), (4, 9)]}, held={7: [1]}, batches={3: entry(3, 40, 3)})
    page = page_of(6, 9, rows, floor_of(NOON))
    assert sorted(line.split("seq=")[1].split("i")[0] for line in page.lines) == ["2", "3", "40", "41"]
    assert (page.after, page.until, page.skipped) == (6, 9, 1)
    cells = touched(page.rated, Calendar("Asia/Shanghai"))
    assert cells.days.keys() == {"2026-11-22", "2025-10-18"}
    assert all(places == {"371721121"} for places in cells.hours.values())


@given(st.permutations([entry(1, 1, 4), entry(2, 3, 6), entry(3, 20, 2), entry(5, 7, 20), entry(6, 1, 40)]))
def test_in_whatever_order_a_stream_is_walked_the_lowest_position_gives_a_number(walked: list[Entry]) -> None:
    given_by = {
        rows.entry.first + index: rows.entry.position for rows in first_given(walked, {}) for index in rows.indexes
    }
    expected: dict[int, int] = {}
    for one in sorted(walked, key=lambda one: one.position):
        for number in range(one.first, one.last + 1):
            expected.setdefault(number, one.position)
    assert given_by == expected


def test_a_difference_names_each_point_once() -> None:
    tags: TagSet = (("window", "w"),)
    expected = [Point(tags, stamp, (1, 1, stamp)) for stamp in range(5)]
    actual: Sheet = {(tags, stamp): (1, 1, stamp) for stamp in range(3)} | {
        (tags, 3): (1, None, 3),
        (tags, 9): (1, 1, 9),
    }
    assert difference(expected, actual) == Difference([expected[4]], [expected[3]], [(tags, 9)])
    assert not difference(expected[:3], {key: actual[key] for key in list(actual)[:3]})


def test_days_that_differ_are_looked_at_in_groups_that_fit_in_memory() -> None:
    tags = (("window", "w"),)
    expected: Cells = {(tags, f"2026-11-{day:02d}"): (POINTS_AT_ONCE // 2 - 1, 1, 1, 1) for day in range(1, 10)}
    actual = {**expected, (tags, "2026-11-03"): (1, 1, 1, 1)}
    assert list(suspects(expected, actual, all_=False)) == ["2026-11-03"]
    sizes = suspects(expected, actual, all_=True)
    assert [len(group) for group in groups(sizes)] == [2, 2, 2, 2, 1]
    assert [day for group in groups(sizes) for day in group] == sorted(sizes)


@given(st.sampled_from(["Asia/Shanghai", "America/New_York", "Australia/Lord_Howe"]), st.integers(1, 400))
def test_runs_of_days_hold_every_day_once_and_only_days_of_one_length(zone: str, count: int) -> None:
    calendar = Calendar(zone)
    days = calendar.last_days("2026-11-22", count)
    bounds = list(runs(days, calendar, 32))
    assert bounds[0][0] == calendar.start(days[0])
    assert bounds[-1][1] == calendar.end(days[-1])
    assert all(one[1] == other[0] for one, other in pairwise(bounds))
    for begin, end in bounds:
        assert 0 < end - begin <= 32 * DAY_MS
        if (end - begin) % DAY_MS == 0:
            inside = calendar.between(calendar.day(begin), calendar.day(end - 1))
            assert all((calendar.start(day) - begin) % DAY_MS == 0 for day in inside)
        else:
            assert calendar.day(begin) == calendar.day(end - 1)
