"""The board against a naive recount: whatever commits come, in whatever order, the wall's numbers add up."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.board.loaded import Loaded
from cloud.board.picture import Cases, Nodes, OpenCase, Picture, Unit
from cloud.board.rules import Board
from cloud.calendar import HOUR_MS, MINUTE_MS, Calendar
from cloud.cases.policy import shipped
from cloud.ledger.cells import number_of
from cloud.ledger.commit import Commit, Counted
from contract.veil import full
from proof.scores import Counts, difference, interval, percent

VEIL = shipped().veil
CALENDAR = Calendar("Asia/Shanghai")
DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
MIDNIGHT = CALENDAR.start("2026-11-22")
NOW = MIDNIGHT + 10 * HOUR_MS + 5 * MINUTE_MS
TOWNSHIPS = ["371721121", "371721122", "371702001"]
WINDOWS = ["371721121-a1/01", "371721121-a1/02", "371721122-a1/01", "371702001-b7/x", "371703999-a1/01"]
LEAST = 5


def board(now: int = NOW, loaded: Loaded | None = None, lone: Collection[str] = ()) -> Board:
    loaded = loaded or Loaded()
    return Board(
        loaded, boot="boot", now=now, calendar=CALENDAR, least=LEAST, veil=VEIL, townships=TOWNSHIPS, lone=lone
    )


def commit(position: int, cells: dict[tuple[str, int], Counts], *, at: int = NOW, **more: object) -> Commit:
    brought = {key: number_of(n) for key, n in cells.items()}
    plain = Commit(
        number=position, position=position, at=at, cells=brought, newest=(), delays=(), quarantined=0, uncounted=0
    )
    return Commit(**{**{name: getattr(plain, name) for name in Commit.__slots__}, **more})


def one(position: int, window: str, level: int, at: int) -> Commit:
    n = (int(level == 3), int(level == 2), int(level == 1))
    newest = [Counted(at, window, level, "button", late=False)]
    return commit(position, {(window, at // MINUTE_MS): n}, at=at, newest=newest, delays=[9])


def total(parts: Iterable[Counts]) -> Counts:
    sums = [0, 0, 0]
    for n in parts:
        for level in range(3):
            sums[level] += n[level]
    return sums[0], sums[1], sums[2]


def merged(page: Picture, diff: object) -> Picture:
    """Merge as the wall does: places by key, everything else whole."""
    fresh = msgspec.to_builtins(diff)
    held = msgspec.to_builtins(page)
    for places in ("counties", "townships"):
        held[places].update(fresh.pop(places, {}))
    return msgspec.convert({**held, **fresh}, Picture)


def check_last_week(whole: Picture, ratings: Iterable[tuple[str, int, Counts]], now: int) -> None:
    def counted(begin: int, end: int) -> Counts:
        return total(n for _, minute, n in ratings if begin <= minute * MINUTE_MS + WEEK_MS < end)

    def score(begin: int, end: int) -> float | None:
        n = counted(begin, end)
        return percent(n) if sum(n) >= LEAST else None

    minute = now // MINUTE_MS * MINUTE_MS
    assert whole.last_week.minute == score(minute - 59 * MINUTE_MS, minute + MINUTE_MS)
    assert whole.last_week.hour == [score(start, start + HOUR_MS) for start, _, _ in whole.trends.hour]
    assert whole.last_week.day == [score(start, start + DAY_MS) for start, _, _ in whole.trends.day]
    then = counted(CALENDAR.start(whole.day), minute)
    enough = min(sum(then), sum(whole.city.n)) >= LEAST
    assert whole.city.week_change == (difference(whole.city.n, then) if enough else None)


CELLS = st.dictionaries(
    st.tuples(
        st.sampled_from(WINDOWS),
        # From two days ago to a minute of tomorrow; about a week ago; as long ago as the trends reach, and longer.
        st.integers((NOW - 2 * DAY_MS) // MINUTE_MS, (MIDNIGHT + DAY_MS) // MINUTE_MS + 1)
        | st.integers((NOW - 9 * DAY_MS) // MINUTE_MS, (NOW - 5 * DAY_MS) // MINUTE_MS)
        | st.integers((NOW - 40 * DAY_MS) // MINUTE_MS, NOW // MINUTE_MS),
    ),
    st.tuples(*[st.integers(0, 9)] * 3),
    max_size=6,
)
STEPS = st.lists(st.tuples(CELLS, st.sampled_from([0, 200, MINUTE_MS, HOUR_MS, 5 * HOUR_MS, 2 * DAY_MS])), max_size=12)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.sets(st.sampled_from(["371721122", "371702001", "371702", "371703999"])))
def test_the_walls_numbers_add_up_and_equal_a_naive_recount(
    steps: list[tuple[dict[tuple[str, int], Counts], int]], lone: set[str]
) -> None:
    tested = board(lone=lone)
    page = tested.snapshot()
    ratings: list[tuple[str, int, Counts]] = []
    # By window, and when they were counted: for those of a day to come when that day began.
    fresh: list[tuple[str, int, int, Counts]] = []
    now = NOW
    for position, (cells, pause) in enumerate(steps, start=1):
        now += pause
        tested.advance(now)
        begun = CALENDAR.day(now) != CALENDAR.day(now - pause)
        fresh = [(w, minute, now if begun else at, n) for w, minute, at, n in fresh]
        tested.apply(commit(position, cells, at=now))
        fresh += [(window, minute, now, n) for (window, minute), n in cells.items()]
        ratings += [(window, minute, n) for (window, minute), n in cells.items()]
        diff = tested.diff()
        if diff is not None:
            page = merged(page, diff)
        whole = tested.snapshot()
        assert msgspec.structs.replace(page, now=now) == whole

        today = CALENDAR.day(now)
        counted = [(w, n) for w, minute, n in ratings if CALENDAR.day(minute * MINUTE_MS) == today]
        assert whole.day == today
        assert whole.city.n == total(n for _, n in counted)
        seen = [
            (window, n)
            for window, minute, at, n in fresh
            if CALENDAR.day(minute * MINUTE_MS) == today and full(at + 5 * MINUTE_MS, VEIL) <= now
        ]
        if not lone:
            assert whole.city.n == total(unit.n for unit in whole.counties.values())
            assert whole.city.n == total(unit.n for unit in whole.townships.values())
        for code, unit in {**whole.townships, **whole.counties}.items():
            assert unit.n == total(n for w, n in (seen if code in lone else counted) if w.startswith(code))
            assert unit.score == percent(unit.n)
        assert whole.total == sum(sum(n) for _, _, n in ratings)
        for points, width in (
            (whole.trends.minute, MINUTE_MS),
            (whole.trends.hour, HOUR_MS),
            (whole.trends.day, DAY_MS),
        ):
            for start, score, count in points:
                inside = total(n for _, minute, n in ratings if start <= minute * MINUTE_MS < start + width)
                assert (score, count) == (percent(inside), sum(inside))
        check_last_week(whole, ratings, now)
        by_window: dict[str, Counts] = defaultdict(lambda: (0, 0, 0))
        for window, n in seen:
            by_window[window] = total([by_window[window], n])
        ranked = {window: interval(n).high for window, n in by_window.items() if sum(n) >= LEAST}
        assert [ranked[low.window] for low in whole.lowest] == sorted(ranked.values())
        assert all(low.n == by_window[low.window] for low in whole.lowest)


def test_trends_have_no_gaps_and_end_now() -> None:
    trends = board().snapshot().trends
    assert [len(trends.minute), len(trends.hour), len(trends.day)] == [60, 24, 30]
    assert trends.minute[-1][0] == NOW // MINUTE_MS * MINUTE_MS
    assert trends.hour[-1][0] == MIDNIGHT + 10 * HOUR_MS
    assert trends.day[-1][0] == MIDNIGHT
    for points, width in ((trends.minute, MINUTE_MS), (trends.hour, HOUR_MS), (trends.day, DAY_MS)):
        assert {after[0] - before[0] for before, after in pairwise(points)} == {width}


def test_nothing_new_is_no_diff_and_ids_have_no_gap() -> None:
    tested = board()
    assert tested.diff() is None
    assert tested.id == "boot-0"
    for number in (1, 2, 3):
        tested.apply(one(number, WINDOWS[0], 3, NOW))
        diff = tested.diff()
        assert diff is not None
        assert diff.id == f"boot-{number}"
        assert tested.diff() is None


def test_a_diff_holds_only_what_changed() -> None:
    tested = board()
    tested.apply(one(1, WINDOWS[0], 3, NOW))
    diff = msgspec.to_builtins(tested.diff())
    assert set(diff["townships"]) == {"371721121"}
    assert set(diff["counties"]) == {"371721"}
    assert not {"day", "nodes", "lowest", "last_week", "zone", "bins"} & set(diff)
    assert {"city", "total", "feed", "trends", "path"} < set(diff)
    tested.tell(Nodes(online=3))
    assert set(msgspec.to_builtins(tested.diff())) == {"id", "position", "now", "nodes"}


def test_open_cases_are_in_the_picture_and_in_a_diff_when_they_change() -> None:
    tested = board()
    assert msgspec.to_builtins(tested.snapshot())["cases"] == {"open": 0, "overdue": 0, "states": [], "list": []}

    def opened(overdue: int) -> Cases:
        worst = OpenCase(7, WINDOWS[3], "371702001", "x", "new", "township", MIDNIGHT, overdue=bool(overdue))
        return Cases(2, overdue, [("new", 1), ("replied", 1)], [worst])

    for overdue in (0, 1):
        tested.cases = opened(overdue)
        diff = tested.diff()
        assert diff is not None
        assert set(msgspec.to_builtins(diff)) == {"id", "position", "now", "cases"}
        assert diff.cases == tested.snapshot().cases == opened(overdue)
        # Read again, and the same.
        tested.cases = opened(overdue)
        assert tested.diff() is None


def test_a_commit_already_in_the_loaded_tallies_is_not_counted_twice() -> None:
    tested = board(loaded=Loaded(position=7, commits=7, total=3))
    tested.apply(one(7, WINDOWS[0], 3, NOW))
    assert tested.snapshot().total == 3
    tested.apply(one(8, WINDOWS[0], 3, NOW))
    assert tested.snapshot().total == 4


def test_a_rating_of_an_earlier_day_changes_trends_and_total_only() -> None:
    tested = board()
    tested.apply(one(1, WINDOWS[0], 1, NOW - DAY_MS))
    whole = tested.snapshot()
    assert whole.city.n == (0, 0, 0)
    assert whole.total == 1
    assert whole.trends.day[-2][1:] == (0.0, 1)


def test_midnight_starts_a_new_day_and_keeps_what_was_dated_into_it() -> None:
    late = MIDNIGHT + DAY_MS - 5_000
    tested = board(now=late)
    tested.apply(one(1, WINDOWS[0], 1, late))
    tested.apply(one(2, WINDOWS[2], 3, late + 10_000))
    assert tested.snapshot().city.n == (0, 0, 1)
    tested.diff()
    tested.advance(late + 6_000)
    diff = tested.diff()
    assert diff is not None
    assert diff.day == "2026-11-23"
    assert msgspec.to_builtins(diff)["townships"] == {
        "371721121": {"n": (0, 0, 0), "score": None, "bin": None},
        "371721122": {"n": (1, 0, 0), "score": 100.0, "bin": None},
    }
    assert tested.snapshot().total == 2


def test_a_clock_set_back_asks_for_a_new_load() -> None:
    tested = board()
    assert not tested.misdated(NOW + DAY_MS)
    assert not tested.misdated(NOW - 1_000)
    assert tested.misdated(NOW - 2 * MINUTE_MS)


def test_what_was_loaded_shows() -> None:
    loaded = Loaded(
        position=5,
        ahead={"2026-11-22": {WINDOWS[0]: (8, 1, 1)}},
        minutes={NOW // MINUTE_MS: (1, 0, 0)},
        days={"2026-11-22": (8, 1, 1), "2026-11-21": (0, 0, 4)},
        total=99,
        quarantined=2,
        uncounted=1,
    )
    whole = board(loaded=loaded).snapshot()
    assert whole.city.n == whole.townships["371721121"].n == (8, 1, 1)
    assert whole.city.score == 86.0
    assert (whole.city.top, whole.city.bottom) == (80.0, 10.0)
    assert whole.trends.minute[-1][1:] == (100.0, 1)
    assert [point[1:] for point in whole.trends.day[-2:]] == [(0.0, 4), (86.0, 10)]
    assert (whole.total, whole.path.quarantined, whole.path.uncounted) == (99, 2, 1)
    assert whole.lowest[0].window == WINDOWS[0]


def test_of_what_was_loaded_the_fresh_is_behind_the_veil() -> None:
    loaded = Loaded(ahead={"2026-11-22": {WINDOWS[0]: (8, 1, 1)}}, fresh={WINDOWS[0]: (1, 0, 1)})
    tested = board(loaded=loaded, now=NOW + 1)
    assert [low.n for low in tested.snapshot().lowest] == [(7, 1, 0)]
    tested.advance(NOW + 10 * MINUTE_MS - 1)
    assert [low.n for low in tested.snapshot().lowest] == [(7, 1, 0)]
    tested.advance(NOW + 10 * MINUTE_MS)
    assert [low.n for low in tested.snapshot().lowest] == [(8, 1, 1)]


def test_no_window_changes_its_counts_before_the_veil_lets_it() -> None:
    """Whoever looks at the wall while a citizen presses does not learn from the window's counts what was pressed."""
    tested = board()
    tested.apply(commit(1, {(WINDOWS[0], NOW // MINUTE_MS): (7, 0, 0)}))
    tested.advance(NOW + 5 * MINUTE_MS)
    tested.diff()
    before = tested.snapshot()
    tested.apply(one(2, WINDOWS[0], 1, NOW + 5 * MINUTE_MS))
    diff = tested.diff()
    assert diff is not None
    assert diff.lowest is msgspec.UNSET
    assert tested.snapshot().lowest == before.lowest != []
    tested.advance(NOW + 10 * MINUTE_MS)
    assert tested.snapshot().lowest[0].n == (7, 0, 1)


def test_a_place_with_one_window_alone_is_that_window() -> None:
    tested = board(lone={"371721122"})
    tested.apply(one(1, WINDOWS[2], 1, NOW))
    whole = tested.snapshot()
    assert whole.city.n == whole.counties["371721"].n == (0, 0, 1)
    assert whole.townships["371721122"].n == (0, 0, 0)
    assert [item.township for item in whole.feed] == ["371721"]

    tested.advance(NOW + 5 * MINUTE_MS)
    diff = tested.diff()
    assert diff is not None
    assert diff.townships == {"371721122": Unit((0, 0, 1), 0.0, None)}
    tested.know([], {"371721122", "371721"})
    tested.apply(one(2, WINDOWS[2], 1, NOW + 5 * MINUTE_MS))
    whole = tested.snapshot()
    assert (whole.counties["371721"].n, whole.feed) == ((0, 0, 1), [])
    tested.know([], ())
    assert tested.snapshot().townships["371721122"].n == (0, 0, 2)
    assert [item.township for item in tested.snapshot().feed] == ["371721122", "371721122"]


def test_pace_and_delay_cover_the_last_minute() -> None:
    tested = board()
    for number in range(100):
        tested.apply(commit(number + 1, {(WINDOWS[0], NOW // MINUTE_MS): (1, 0, 0)}, delays=[number]))
    path = tested.snapshot().path
    assert (path.rate, path.p50_ms, path.p99_ms) == (100, 49, 98)
    tested.advance(NOW + 59_000)
    assert tested.snapshot().path.rate == 100
    tested.advance(NOW + 62_000)
    path = tested.snapshot().path
    assert (path.rate, path.p50_ms, path.p99_ms) == (0, None, None)


def test_the_feed_holds_the_newest_without_their_windows() -> None:
    tested = board()
    for number in range(12):
        tested.apply(one(number + 1, WINDOWS[0], 3, NOW + number))
    feed = tested.snapshot().feed
    assert [item.at - NOW for item in feed] == [11, 10, 9, 8, 7, 6, 5, 4]
    assert not hasattr(feed[0], "window")


def test_a_window_name_that_is_no_number_stays_text() -> None:
    tested = board()
    tested.apply(commit(1, {(WINDOWS[3], NOW // MINUTE_MS): (0, 0, 9), (WINDOWS[1], NOW // MINUTE_MS): (0, 0, 5)}))
    tested.advance(NOW + 5 * MINUTE_MS)
    assert [low.number for low in tested.snapshot().lowest] == ["x", 2]
