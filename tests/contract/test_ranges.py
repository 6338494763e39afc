"""Ranges against Python's own sets."""

from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.ranges import Ranges

numbers = st.integers(min_value=-3, max_value=40)
# Mostly short, so that gaps, neighbours and overlaps are all common.
pair = st.tuples(numbers, st.integers(0, 2) | st.integers(0, 30)).map(lambda found: (found[0], found[0] + found[1]))
pairs = st.lists(pair, max_size=12)


def as_set(ranges: Ranges | list[tuple[int, int]]) -> set[int]:
    return {number for lo, hi in ranges for number in range(lo, hi + 1)}


def assert_normal(ranges: Ranges) -> None:
    for (_, hi), (lo, _) in zip(ranges.pairs, ranges.pairs[1:], strict=False):
        assert lo > hi + 1, "sorted, disjoint and not adjacent"
    assert all(lo <= hi for lo, hi in ranges)


@given(pairs)
def test_building_is_the_set_of_all_numbers(given_pairs: list[tuple[int, int]]) -> None:
    ranges = Ranges(given_pairs)
    assert_normal(ranges)
    assert as_set(ranges) == as_set(given_pairs)
    assert len(ranges) == len(as_set(given_pairs))
    assert bool(ranges) == bool(given_pairs)
    assert Ranges(ranges.pairs) == ranges


@given(pairs, pair)
def test_add_is_union_with_one_range(given_pairs: list[tuple[int, int]], more: tuple[int, int]) -> None:
    before = Ranges(given_pairs)
    after = before.add(*more)
    assert_normal(after)
    assert as_set(after) == as_set(given_pairs) | as_set([more])
    assert before == Ranges(given_pairs), "the old set is as it was"


def test_every_small_case() -> None:
    sets = [{number for number in range(7) if bits >> number & 1} for bits in range(1 << 7)]
    ranges = [Ranges((number, number) for number in numbers) for numbers in sets]
    for one, one_set in zip(ranges, sets, strict=True):
        for lo, hi in combinations_with_replacement(range(7), 2):
            assert one.add(lo, hi) == ranges[sum(1 << n for n in one_set | {*range(lo, hi + 1)})]
        for other, other_set in zip(ranges, sets, strict=True):
            assert one - other == ranges[sum(1 << n for n in one_set - other_set)]
            assert one | other == ranges[sum(1 << n for n in one_set | other_set)]


@given(pairs, pairs)
def test_union_and_difference(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> None:
    one, other = Ranges(left), Ranges(right)
    assert_normal(one | other)
    assert_normal(one - other)
    assert as_set(one | other) == as_set(left) | as_set(right)
    assert as_set(one - other) == as_set(left) - as_set(right)


@given(pairs, pair, numbers)
def test_looking_up(given_pairs: list[tuple[int, int]], wanted: tuple[int, int], number: int) -> None:
    ranges, numbers_in = Ranges(given_pairs), as_set(given_pairs)
    assert ranges.covers(*wanted) == (as_set([wanted]) <= numbers_in)
    assert ranges.touches(*wanted) == bool(as_set([wanted]) & numbers_in)
    assert (number in ranges) == (number in numbers_in)


@given(pairs, pairs)
def test_equal_sets_are_equal_and_hash_alike(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> None:
    one, other = Ranges(left), Ranges(right)
    assert (one == other) == (as_set(left) == as_set(right))
    if one == other:
        assert hash(one) == hash(other)
    assert one != left


def test_a_pair_as_json_has_it_will_do() -> None:
    assert Ranges([[1, 2], (3, 4)]).pairs == ((1, 4),)
    assert repr(Ranges([(1, 4)])) == "Ranges([(1, 4)])"


def test_a_range_runs_from_low_to_high() -> None:
    with pytest.raises(ValueError, match=r"low to high, got 5\.\.3"):
        Ranges([(5, 3)])
    with pytest.raises(ValueError, match=r"low to high, got 5\.\.3"):
        Ranges().add(5, 3)


def test_the_widest_range_is_one_pair() -> None:
    widest = Ranges([(1, 1 << 53)])
    assert len(widest) == 1 << 53
    assert len(widest - Ranges([(2, 2)])) == (1 << 53) - 1


def test_equal_sets_are_one_key() -> None:
    assert len({Ranges([(1, 2)]), Ranges([(2, 2), (1, 1)]), Ranges([(1, 3)])}) == 2
    assert Ranges([(1, 2)]) != ((1, 2),)


def test_a_number_is_in_it_or_not_and_a_span_wholly_partly_or_not_at_all() -> None:
    ranges = Ranges([(2, 4), (8, 8)])
    assert [number for number in range(11) if number in ranges] == [2, 3, 4, 8]
    assert [ranges.covers(*span) for span in ((2, 4), (3, 5), (4, 8), (8, 8), (9, 9))] == [
        *(True, False, False, True, False),
    ]
    assert [ranges.touches(*span) for span in ((0, 1), (1, 2), (5, 7), (5, 8), (9, 9))] == [
        *(False, True, False, True, False),
    ]


def test_a_failing_test_can_say_what_is_in_it() -> None:
    assert repr(Ranges([(4, 5), (1, 2)])) == "Ranges([(1, 2), (4, 5)])"
