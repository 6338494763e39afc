"""Wilson's interval against what defines it, and against enumeration of how often it holds the truth."""

from math import comb, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.scores import Interval
from proof.share import two_sided, wilson

# From a table of the normal distribution.
Z = {0.9: 1.644854, 0.95: 1.959964, 0.998: 3.090232}
LEVELS = st.sampled_from(sorted(Z))
PARTS = st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize("level", sorted(Z))
def test_as_many_deviations_as_a_table_says(level: float) -> None:
    assert two_sided(level) == pytest.approx(Z[level], abs=1e-6)


@given(PARTS, LEVELS)
def test_its_ends_are_z_of_their_own_standard_errors_from_the_share(found: tuple[int, int], level: float) -> None:
    part, count = found
    share = part / count
    low, high = wilson(part, count, level)
    assert 0 <= low <= share <= high <= 1
    for end, reached in ((low, part > 0), (high, part < count)):
        if reached:
            assert abs(share - end) == pytest.approx(Z[level] * sqrt(end * (1 - end) / count), rel=1e-5)
    # All or none leave one end where it is, and the other still has a width.
    assert (low == 0) == (part == 0)
    assert (high == 1) == (part == count)
    assert low < high


@given(PARTS, LEVELS)
def test_who_is_not_part_of_it_has_the_mirror_image(found: tuple[int, int], level: float) -> None:
    part, count = found
    low, high = wilson(count - part, count, level)
    assert wilson(part, count, level) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_of_nobody_nothing_is_known() -> None:
    assert wilson(0, 0) == Interval(0.0, 1.0)


@pytest.mark.parametrize(("part", "count"), [(3, 2), (-1, 2), (1, 0)])
def test_what_is_no_share(part: int, count: int) -> None:
    with pytest.raises(ValueError, match=f"{part} of {count} are no share"):
        wilson(part, count)


@pytest.mark.parametrize("level", [0, 1, 1.5, -0.1])
def test_what_is_no_level(level: float) -> None:
    with pytest.raises(ValueError, match="expected a share between 0 and 1"):
        wilson(1, 2, level)


@pytest.mark.parametrize("n", [10, 40, 160])
def test_on_average_over_truths_it_holds_them_as_often_as_it_says(n: int) -> None:
    """It promises no more than that: a single truth may be missed oftener, which is why K does not rest on it."""
    ends = [wilson(k, n) for k in range(n + 1)]
    truths = [at / 200 for at in range(1, 200)]
    held = [
        sum(comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(n + 1) if ends[k].low <= q <= ends[k].high)
        for q in truths
    ]
    assert sum(held) / len(held) == pytest.approx(0.95, abs=0.01)
    assert min(held) < 0.94
