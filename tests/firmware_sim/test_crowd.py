from itertools import islice, pairwise, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.rating import Level
from firmware_sim.crowd import ALWAYS, DAY_S, OFFICE, Temper, Visit, tempers, visits

WINDOWS = [f"3717211{place:02d}-a1/{window:02d}" for place in range(30) for window in range(10)]
EVEN = Temper(1.0, 0.9, 0.07, 0.03)


def day(seed: int, *, per_s: float = 0.5, settle_s: float = 0.8) -> list[Visit]:
    stream = visits(seed, WINDOWS[0], EVEN, per_s=per_s, profile=OFFICE, begin_s=0, settle_s=settle_s)
    return list(takewhile(lambda visit: visit.at_s < DAY_S, stream))


def test_the_same_seed_is_the_same_city() -> None:
    assert day(3) == day(3)
    assert tempers(3, WINDOWS) == tempers(3, WINDOWS)


def test_another_seed_is_another_city() -> None:
    assert day(3) != day(4)
    assert tempers(3, WINDOWS) != tempers(4, WINDOWS)


def test_most_windows_are_good_and_a_handful_is_clearly_bad() -> None:
    scores = sorted(temper.score for temper in tempers(1, WINDOWS).values())
    bad = [score for score in scores if score < 0.76]
    assert len(bad) == 6
    assert min(bad) >= 0.5
    assert all(0.88 <= score <= 0.98 for score in scores[6:])
    assert scores[-1] - scores[6] > 0.05  # they differ, or the mosaic would have one colour


@given(st.integers(), st.integers(min_value=1, max_value=60))
def test_shares_and_chances_each_sum_to_one(seed: int, count: int) -> None:
    made = tempers(seed, WINDOWS[:count])
    assert sum(temper.share for temper in made.values()) == pytest.approx(1)
    for temper in made.values():
        assert temper.satisfied + temper.basic + temper.dissatisfied == pytest.approx(1)
        assert min(temper[1:]) >= 0


def test_a_city_without_windows_has_no_tempers() -> None:
    assert tempers(1, []) == {}


def test_nobody_comes_at_night_and_few_at_lunch() -> None:
    hours = [visit.at_s / 3600 for visit in day(7)]
    assert min(hours) > 8.4
    assert max(hours) < 17.6
    lunch = sum(12.2 <= hour < 13.2 for hour in hours)
    morning = sum(10 <= hour < 11 for hour in hours)
    assert 0 < lunch < morning / 4


def test_an_office_day_repeats_the_next_day() -> None:
    assert OFFICE.at(10 * 3600) == OFFICE.at(10 * 3600 + 3 * DAY_S) == 1


def test_the_crowd_comes_as_often_as_was_asked() -> None:
    stream = visits(5, WINDOWS[0], EVEN, per_s=2.0, profile=ALWAYS, begin_s=100.0, settle_s=0.8)
    some = list(islice(stream, 4000))
    assert some[0].at_s > 100
    assert all(one.at_s < next_one.at_s for one, next_one in pairwise(some))
    assert (some[-1].at_s - 100) == pytest.approx(2000, rel=0.06)  # 4000 arrivals: 1.6 % standard deviation


def test_levels_come_as_often_as_the_temper_says() -> None:
    stream = visits(5, WINDOWS[0], EVEN, per_s=2.0, profile=ALWAYS, begin_s=0.0, settle_s=0.8)
    chosen = [visit.presses[-1].level for visit in islice(stream, 10_000)]
    assert chosen.count(Level.SATISFIED) / 10_000 == pytest.approx(0.9, abs=0.01)
    assert chosen.count(Level.DISSATISFIED) / 10_000 == pytest.approx(0.03, abs=0.006)


def test_some_change_their_mind_within_the_settle_time() -> None:
    stream = visits(5, WINDOWS[0], EVEN, per_s=2.0, profile=ALWAYS, begin_s=0.0, settle_s=0.8)
    several = [visit.presses for visit in islice(stream, 2000) if len(visit.presses) > 1]
    assert 60 < len(several) < 200
    for presses in several:
        for one, other in pairwise(presses):
            assert 0.3 <= other.after_s - one.after_s <= 0.6
            assert one.level is not other.level


def test_nobody_changes_their_mind_where_every_press_is_final() -> None:
    assert all(len(visit.presses) == 1 for visit in day(5, settle_s=0.0))


def test_a_window_without_a_public_gets_no_visits() -> None:
    assert list(visits(1, WINDOWS[0], EVEN, per_s=0.0, profile=ALWAYS, begin_s=0, settle_s=0.8)) == []
