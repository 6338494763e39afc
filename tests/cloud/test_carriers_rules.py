"""When a row of a carrier was pressed, by its two clocks, and which rows are new."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.carriers.rules import APART_MS, Anchor, Press, Refused, dated, fresh
from contract.batch import Batch
from contract.codec import decode_batch, encode
from contract.rating import Quality, Row

NOW = 1_795_370_494_364
# The tablet's wall clock is an hour behind.
BEHIND = 3_600_000
FLOOR = NOW - 86_400_000


def anchor(run: int, mono: int, at: int = NOW, behind: int = BEHIND) -> Anchor:
    return Anchor(run, mono, at - behind, at)


def press(run: int, mono: int, at: int, level: int = 3, behind: int = BEHIND) -> Press:
    return Press(run, mono, at - behind, level, 1)


def test_a_row_of_this_run_is_dated_by_its_age_whatever_the_wall_clock_says() -> None:
    (one,), floor = dated([press(1, 400_000, NOW - 600_000)], 7, "01", (anchor(1, 1_000_000), None), FLOOR)
    assert (one.first, one.t0, one.quality, one.bounds) == (7, NOW - 600_000, Quality.CORRECTED, None)
    assert one.rows == [Row(0, "01", 3, 1)]
    assert floor == NOW - 600_000


def test_a_row_of_the_run_before_is_dated_by_what_that_run_told_last() -> None:
    """So whoever reloads the page while the line is cut loses no time of what was pressed before."""
    before = anchor(1, 500_000, NOW - 700_000)
    rows = [press(1, 600_000, NOW - 600_000), press(1, 650_000, NOW - 550_000)]
    (one,), _ = dated(rows, 1, "01", (anchor(2, 3_000), before), FLOOR)
    assert (one.t0, one.quality, [row.ms for row in one.rows]) == (NOW - 600_000, Quality.CORRECTED, [0, 50_000])


def test_a_run_that_never_met_the_city_is_estimated_between_what_is_known() -> None:
    before = anchor(1, 500_000, NOW - 700_000)
    rows = [press(1, 600_000, NOW - 600_000), press(2, 9_000, NOW - 400_000), press(3, 1_000, NOW - 1_000)]
    made, _ = dated(rows, 1, "01", (anchor(3, 2_000), before), FLOOR)
    assert [(one.first, one.quality) for one in made] == [
        (1, Quality.CORRECTED),
        (2, Quality.ESTIMATED),
        (3, Quality.CORRECTED),
    ]
    assert (made[1].t0, made[1].bounds) == (NOW - 400_000, (NOW - 600_000, NOW - 2_000))


def test_what_cannot_be_is_brought_within_its_bounds() -> None:
    """Somebody set the wall clock between the runs: by ten years, in either direction."""
    years = 10 * 365 * 86_400_000
    for stepped in (-years, years):
        rows = [press(1, 9_000, NOW - 400_000, behind=BEHIND + stepped)]
        (one,), _ = dated(rows, 1, "01", (anchor(2, 2_000), None), FLOOR)
        assert one.bounds == (FLOOR, NOW - 2_000)
        assert FLOOR <= one.t0 <= NOW - 2_000


def test_a_tablet_that_slept_is_not_believed_to_have_been_awake() -> None:
    """The page's clock stood still meanwhile, so the row is older than that says."""
    (one,), _ = dated([press(1, 100_000, NOW - 500_000)], 1, "01", (anchor(1, 160_000), None), FLOOR)
    assert (one.quality, one.t0, one.bounds) == (Quality.ESTIMATED, NOW - 500_000, (FLOOR, NOW - 60_000))


def test_a_page_whose_clock_says_more_than_there_was_time_for_puts_nothing_into_the_future() -> None:
    rows = [press(1, 1_000, NOW - 90_000), press(1, 901_000, NOW + 810_000)]
    (one,), _ = dated(rows, 1, "01", (anchor(2, 5_000), None), NOW - 60_000)
    assert (one.t0, [row.ms for row in one.rows]) == (NOW - 60_000, [0, 55_000])


def test_rows_between_which_a_clock_was_set_are_estimated_apart() -> None:
    rows = [press(1, 1_000, NOW - 90_000), press(1, 2_000, NOW - 80_000, behind=BEHIND)]
    made, _ = dated(rows, 1, "01", (anchor(2, 5_000), None), FLOOR)
    assert [one.first for one in made] == [1, 2]


TIMES = st.integers(0, 10_000_000)


@given(
    st.lists(st.tuples(st.integers(1, 4), TIMES, TIMES, st.integers(1, 3)), max_size=20),
    st.integers(1, 5),
    TIMES,
    st.none() | st.tuples(st.integers(1, 4), TIMES, TIMES),
    st.integers(0, 20_000_000),
)
def test_whatever_a_tablet_sends_becomes_batches_of_all_its_rows_in_order(
    given_rows: list[tuple[int, int, int, int]], run: int, mono: int, before: tuple[int, int, int] | None, ago: int
) -> None:
    begin = NOW - ago
    rows = [Press(r, m, NOW - d, level, 1) for r, m, d, level in given_rows]
    earlier = None if before is None else Anchor(before[0], before[1], NOW - 50_000, NOW - before[2])
    made, floor = dated(rows, 3, "01", (Anchor(run, mono, NOW - BEHIND, NOW), earlier), begin)
    assert [row.level for one in made for row in one.rows] == [row.level for row in rows]
    first = 3
    for one in made:
        assert one.first == first
        first += len(one.rows)
        assert one.rows[0].ms == 0
        batch = Batch(1, f"{'1' * 9}-a.tablet", "E" * 10, one.first, one.t0, one.quality, one.rows, bounds=one.bounds)
        assert decode_batch(encode(batch)) == batch
        assert one.t0 >= begin
        assert one.t0 + one.rows[-1].ms <= NOW
        if one.bounds is not None:
            assert one.bounds[0] <= one.t0 <= one.bounds[1] <= NOW
    assert begin <= floor <= NOW


@given(st.permutations([3, 2, 1]))
def test_no_grade_changes_a_time(grades: list[int]) -> None:
    rows = [press(1, 1_000 + index, NOW - 90_000 + 3 * APART_MS * index) for index in range(9)]
    swapped = [Press(row.run, row.mono, row.date, grades[index % 3], 1) for index, row in enumerate(rows)]
    (made, _), (other, _) = (dated(given, 1, "01", (anchor(2, 5_000), None), FLOOR) for given in (rows, swapped))
    assert [(one.first, one.t0, one.bounds) for one in made] == [(one.first, one.t0, one.bounds) for one in other]


ROWS = [Press(1, 1_000 + level, NOW, level, 1) for level in (1, 2, 3)]


def itself(one: Press) -> Press:
    return one


def known(upto: int) -> list[tuple[int, Press]]:
    """Of `ROWS` as the numbers 3 to 5."""
    return [(number, row) for number, row in enumerate(ROWS, start=3) if number <= upto]


def test_only_what_is_new_is_taken() -> None:
    assert fresh(ROWS, 3, 2, [], itself) == ROWS
    assert fresh(ROWS, 3, 4, known(4), itself) == ROWS[2:]
    assert fresh(ROWS, 3, 5, known(5), itself) == []
    assert fresh([], 6, 5, [], itself) == []


def test_what_is_held_with_other_contents_and_what_leaves_numbers_out_is_refused() -> None:
    with pytest.raises(Refused) as forked:
        fresh(ROWS, 3, 9, [(3, ROWS[0]), (4, ROWS[2])], itself)
    assert (forked.value.why, forked.value.held) == ("forked", 3)
    for first, held, rows in ((3, 1, ROWS), (6, 4, list[Press]())):
        with pytest.raises(Refused) as gap:
            fresh(rows, first, held, [], itself)
        assert (gap.value.why, gap.value.held) == ("gap", held)
