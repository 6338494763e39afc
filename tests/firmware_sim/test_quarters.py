"""The simulated quarters: drawn as the city's truth says, and able to see a rule that wrongs somebody."""

import json

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

import firmware_sim.quarters
import proof.coefficient
from cli.app import app
from firmware_sim.box import township_codes
from firmware_sim.quarters import Outcome, drawn, play, quarters
from proof.policy import shipped
from proof.scores import Counts, Interval, Points, mean

POLICY = shipped("guarded")


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return play(township_codes(), 500, 200, 3, POLICY, lambda _: None)


def test_a_city_is_what_it_is_said_to_be() -> None:
    city = drawn(township_codes(), 10_000, 0.85, 1)
    assert len(city.townships) == len(city.homes) == 167
    assert len(city.ratings) == len(city.chances) == 10_000
    assert (city.chances > -1e-9).all()
    assert np.allclose(city.chances.sum(axis=1), 1)
    means = city.chances @ np.array([1, 0.6, 0])
    homes = np.add.reduceat(means, city.homes) / np.diff([*city.homes, 10_000])
    assert np.isclose(homes, 0.85).sum() > 40
    sizes = np.add.reduceat(city.ratings, city.homes)
    assert (sizes <= 12).sum() == 12
    assert 200 < (city.added > 0).sum() < 400


def test_quarters_are_drawn_from_the_truth_and_again_by_the_same_seed() -> None:
    city = drawn(township_codes(), 500, 0.85, 1)
    drawings = list(quarters(city, 400, 1))
    assert all((one.sum(axis=1) == city.ratings).all() for one in drawings)
    assert all((a == b).all() for a, b in zip(drawings[:3], quarters(city, 3, 1), strict=True))
    assert any((a != b).any() for a, b in zip(drawings[:3], quarters(city, 3, 2), strict=True))
    wanted = city.ratings[:, None] * city.chances
    deviation = (np.mean(drawings, axis=0) - wanted) / np.sqrt(np.maximum(1e-9, wanted * (1 - city.chances)) / 400)
    assert np.abs(deviation[wanted > 5]).max() < 5
    assert 0.9 < deviation[wanted > 5].std() < 1.1


@pytest.mark.bulk
def test_who_is_at_or_above_the_target_is_rarely_penalised_and_who_is_below_is_found(outcome: Outcome) -> None:
    assert outcome.kept
    units = {kind: level.units for kind, level in outcome.levels.items()}
    assert units == {"window": 500, "township": 167, "county": 11, "city": 1}
    assert outcome.below.townships + outcome.levels["township"].at_or_above == 167
    assert outcome.below.penalised > 20
    assert outcome.stuffed.townships > 0
    assert outcome.stuffed.penalised < outcome.unstuffed.penalised


@pytest.mark.bulk
def test_it_is_told_for_people_and_for_programs(outcome: Outcome) -> None:
    assert "policy guarded 1, 200 quarters of 500 windows" in next(outcome.lines())
    assert f"most of all {outcome.levels['township'].whose}" in "".join(outcome.lines())
    assert json.loads(outcome.as_json())["levels"]["township"] == msgspec.structs.asdict(outcome.levels["township"])


def test_a_bound_that_is_none_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def certain(n: Counts, _alpha: float, points: Points) -> Interval:
        return Interval(mean(n, points), mean(n, points))

    monkeypatch.setattr(proof.coefficient, "interval", certain)
    wrong = play(township_codes(), 500, 20, 3, POLICY, lambda _: None)
    assert not wrong.kept
    assert min(wrong.levels[kind].most_penalised for kind in ("window", "township")) > 25


def test_a_policy_that_promises_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="promises nothing"):
        play(township_codes(), 500, 500, 1, shipped("plain"), lambda _: None)


def test_how_far_it_is_is_told() -> None:
    told: list[int] = []
    play(township_codes(), 500, 4, 1, POLICY, told.append)
    assert told == [1, 2, 3, 4]


def test_the_command_ends_with_what_it_found(monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> None:
    """What is drawn takes its time, and is drawn once for all of these tests."""
    asked: list[object] = []

    def same(*order: object) -> Outcome:
        asked.append(order[1:4])
        return outcome

    monkeypatch.setattr(firmware_sim.quarters, "play", same)
    found = CliRunner().invoke(app, ["sim", "quarters", "--seed", "7", "--windows", "600", "--json"])
    assert (found.exit_code, asked) == (0, [(600, 1000, 7)])
    assert json.loads(found.stdout)["kept"] is True
    spoken = CliRunner().invoke(app, ["sim", "quarters"])
    assert spoken.stdout.splitlines() == list(outcome.lines())
    level = msgspec.structs.replace(outcome.levels["window"], most_penalised=2.6)
    outcome = msgspec.structs.replace(outcome, levels=outcome.levels | {"window": level})
    assert CliRunner().invoke(app, ["sim", "quarters"]).exit_code == 1
