import csv
from collections import Counter
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.config import check_windows
from contract.identity import NODE, county_of, township_of
from firmware_sim.cityplan import MOST_WINDOWS, lay_out, usual_townships, wiring

with files("cloud.registry").joinpath("places.csv").open(encoding="utf-8") as _table:
    CODES = [row["township_code"] for row in csv.DictReader(_table)]


@given(st.integers(1, 167), st.integers(0, 800), st.integers())
def test_every_plan_holds_what_was_asked_for(townships: int, more: int, seed: int) -> None:
    windows = townships + more
    plan = lay_out(CODES, windows=windows, townships=townships, seed=seed)
    assert len({town.code for town in plan}) == len(plan) == townships
    names = [name for town in plan for node in town.nodes for name in node.windows]
    assert len(set(names)) == len(names) == windows
    counties = {county_of(town.code) for town in plan}
    assert len(counties) == min(11, townships)
    for town in plan:
        assert NODE.fullmatch(town.gateway)
        assert town.nodes
        for node in town.nodes:
            assert NODE.fullmatch(node.name)
            assert township_of(node.name) == town.code
            assert 1 <= len(node.wiring) <= MOST_WINDOWS
            check_windows(node.wiring)
            assert all(pin >= 4 for window in node.wiring for pin in (window.satisfied, window.light_satisfied or 0))


def test_the_same_seed_is_the_same_plan_and_another_another() -> None:
    first = lay_out(CODES, windows=300, townships=30, seed=1)
    assert first == lay_out(CODES, windows=300, townships=30, seed=1)
    assert first != lay_out(CODES, windows=300, townships=30, seed=2)


def test_the_usual_demo_is_spread_evenly_enough_for_a_wall() -> None:
    plan = lay_out(CODES, windows=300, townships=usual_townships(300), seed=1)
    assert len(plan) == 30
    windows = [sum(len(node.windows) for node in town.nodes) for town in plan]
    assert min(windows) >= 2
    assert max(windows) <= 25
    counties = Counter(county_of(town.code) for town in plan)
    assert max(counties.values()) <= 6


def test_four_windows_are_wired_without_sharing_a_pin() -> None:
    check_windows([wiring(number) for number in range(1, MOST_WINDOWS + 1)])


@pytest.mark.parametrize(("windows", "townships"), [(1, 1), (9, 1), (50, 5), (300, 30), (10_000, 30)])
def test_small_demos_use_fewer_townships(windows: int, townships: int) -> None:
    assert usual_townships(windows) == townships


@pytest.mark.parametrize(("windows", "townships"), [(5, 6), (300, 0), (300, 168), (0, 1)])
def test_what_cannot_be_laid_out_is_refused(windows: int, townships: int) -> None:
    with pytest.raises(ValueError, match=r"^(windows|townships): "):
        lay_out(CODES, windows=windows, townships=townships, seed=1)
