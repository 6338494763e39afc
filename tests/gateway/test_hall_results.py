"""What of today's ratings a hall may see: whole blocks of each window, in the order in which they came."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from contract.batch import Batch
from contract.identity import window_id
from contract.rating import Quality, Row
from contract.veil import MINUTE_MS, Veil
from gateway.hall.results import Day, Results
from proof.scores import Counts

A1, EPOCH = "371721121-a1", "AAAAAAAAAA"
DAY = Day("2026-11-29", 1_795_881_600_000, 1_795_968_000_000)
NOON = DAY.begin + 12 * 3_600_000
VEIL = Veil(3, 5)


def batch(first: int, *rated: tuple[int, str, int], epoch: str = EPOCH) -> Batch:
    """Ratings (ms, window, level), numbered from `first` on."""
    t0 = min(at for at, _, _ in rated)
    return Batch(1, A1, epoch, first, t0, Quality.SYNCHRONISED, [Row(at - t0, w, level, 1) for at, w, level in rated])


def results(*batches: Batch) -> Results:
    made = Results(DAY, VEIL)
    for one in batches:
        made.take(one)
    return made


def test_a_block_is_seen_when_it_is_full_and_its_time_is_over() -> None:
    three = batch(1, (NOON, "01", 3), (NOON + 1, "01", 3), (NOON + 2, "01", 1))
    fourth = batch(4, (NOON + 60_000, "01", 2))
    assert results(three).seen(DAY.end) == {}
    full = results(three, fourth)
    # The newest was pressed a minute past noon: six past, which is ten past by the veil's multiples.
    assert full.seen(NOON + 10 * MINUTE_MS - 1) == {}
    assert full.seen(NOON + 10 * MINUTE_MS) == {f"{A1}/01": (2, 1, 1)}


def test_a_fifth_is_not_told_from_the_block_before_it() -> None:
    made = results(batch(1, *((NOON + n, "01", 3) for n in range(4))))
    before = made.seen(NOON + 3_600_000)
    made.take(batch(5, (NOON + 10, "01", 1)), NOON + 3_600_000)
    assert made.seen(DAY.end) == before == {f"{A1}/01": (4, 0, 0)}


def test_another_windows_ratings_fill_no_block() -> None:
    assert results(batch(1, *((NOON + n, f"0{n % 4}", 1) for n in range(12)))).seen(DAY.end) == {}


def test_what_comes_late_does_not_show_when_it_came() -> None:
    made = results()
    made.take(batch(1, *((DAY.begin + n, "01", 3) for n in range(4))), NOON + 1)
    assert made.seen(NOON + 2) == {}
    assert made.seen(NOON + 5 * MINUTE_MS) == {f"{A1}/01": (4, 0, 0)}


def test_only_todays_count_and_each_number_once() -> None:
    four = [(NOON + n, "01", 3) for n in range(4)]
    again = batch(1, *four)
    yesterday = batch(5, *((DAY.begin - n, "01", 1) for n in range(8, 0, -1)))
    other = batch(1, *((NOON + n, "01", 1) for n in range(4)))
    assert results(again, yesterday, again, other).seen(DAY.end) == {f"{A1}/01": (4, 0, 0)}


RATED = st.lists(
    st.tuples(st.integers(DAY.begin, DAY.end - 1), st.sampled_from(["01", "02"]), st.sampled_from([1, 2, 3])),
    min_size=1,
    max_size=40,
)


def naive(rated: Sequence[tuple[int, str, int]], now: int) -> dict[str, Counts]:
    """The same by hand: of each window every four in a row, if the newest of them is long past."""
    of: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for at, window, level in rated:
        of[window].append((at, level))
    seen = {}
    for window, all_ in of.items():
        levels: Counter[int] = Counter()
        for start in range(0, len(all_) - 3, 4):
            four = all_[start : start + 4]
            due = -(-(max(at for at, _ in four) + 300_000) // 300_000) * 300_000
            if due <= now:
                levels.update(level for _, level in four)
        if levels:
            seen[window_id(A1, window)] = (levels[3], levels[2], levels[1])
    return seen


@given(RATED, st.integers(DAY.begin, DAY.end))
def test_they_are_what_is_counted_by_hand(rated: list[tuple[int, str, int]], now: int) -> None:
    made = results(*(batch(number, one) for number, one in enumerate(rated, 1)))
    assert made.seen(now) == naive(rated, now)


@given(RATED, st.data())
def test_no_two_pictures_differ_by_fewer_than_a_block(rated: list[tuple[int, str, int]], data: st.DataObject) -> None:
    """Whoever watches a window learns of no change that is one citizen's, wherever the gateway starts again."""
    one = results()
    shown = [one.seen(DAY.end)]
    restart = data.draw(st.integers(0, len(rated)))
    for number, rating in enumerate(rated, 1):
        one.take(batch(number, rating), DAY.begin)
        if number == restart:
            one = results(*(batch(again, past) for again, past in enumerate(rated[:number], 1)))
        shown.append(one.seen(DAY.end))
    for before, after in pairwise(shown):
        for window, counts in after.items():
            more = [b - a for a, b in zip(before.get(window, (0, 0, 0)), counts, strict=True)]
            assert min(more) >= 0
            assert sum(more) % (VEIL.others + 1) == 0
