import json
from dataclasses import replace
from typing import Any

import pytest

from firmware_sim.delays import Spread
from firmware_sim.outcome import Outcome, Scene
from firmware_sim.verdict import Verdict

VERDICT = Verdict(
    pressed=5,
    settled=5,
    refused=0,
    in_flight=0,
    surfaced=0,
    ledger=5,
    tallies=5,
    wall=5,
    lost=0,
    twice=0,
    misdated=0,
    altered=0,
    strange=0,
    misled=0,
    delays=(3, 1, 2),
)
GOOD = Outcome(
    verdict=VERDICT,
    scene=Scene(windows=300, townships=30, nodes=120, seconds=30.0, seed=1, broker="mosquitto"),
    latency=Spread.of(VERDICT.delays),
    wall_latency=Spread.of([]),
    drift=(),
    contradictions=(),
)


def test_all_equal_and_nothing_violated_is_green() -> None:
    assert GOOD.green


@pytest.mark.parametrize(
    "change",
    [
        {"settled": 4},
        {"ledger": 6, "tallies": 6, "wall": 6},
        {"tallies": 4},
        {"wall": 4},
        {"wall": None},
        {"lost": 1},
        {"twice": 1},
        {"misdated": 1},
        {"altered": 1},
        {"strange": 1},
        {"misled": 1},
        {"settled": 0, "ledger": 0, "tallies": 0, "wall": 0},
        # One that nobody saw light, and that stands in the ledger: allowed by the laws, but not equal.
        {"settled": 4, "surfaced": 1, "in_flight": 1},
    ],
)
def test_anything_else_is_not(change: dict[str, Any]) -> None:
    outcome = replace(GOOD, verdict=replace(VERDICT, **change))
    assert not outcome.green
    assert outcome.as_json()["ok"] is False
    assert "NOT CLEAN" in outcome.lines()


def test_a_wall_that_drifted_or_tallies_that_do_not_follow_are_not_green() -> None:
    drifted = replace(GOOD, drift=("371721121",))
    contradicted = replace(GOOD, contradictions=("tally 3, ledger 4",))
    assert not drifted.green
    assert not contradicted.green
    assert any("371721121" in line for line in drifted.lines())
    assert "tally 3, ledger 4" in contradicted.lines()


def test_the_figures_as_json_are_one_flat_object() -> None:
    said = json.loads(json.dumps(GOOD.as_json()))
    assert said["ok"] is True
    for name in ("pressed", "settled", "ledger", "tallies", "wall"):
        assert said[name] == 5
    assert said["lost"] == said["twice"] == 0
    assert said["latency_ms"] == {"p50": 2, "p99": 3}
    assert said["wall_latency_ms"] == {"p50": None, "p99": None}
    assert "delays" not in said


def test_a_person_is_told_the_same_figures() -> None:
    told = "\n".join(GOOD.lines())
    assert "5 lights, 5 in the ledger, 5 tallied, 5 on the wall" in told
    assert "median 2 ms" in told
    assert "NOT CLEAN" not in told


def test_a_person_is_told_of_a_series_only_where_there_is_one_and_it_agrees() -> None:
    fed = replace(GOOD, scene=GOOD.scene._replace(series="influx"))
    said = "the series holds what the ledger does, up to its last position"
    assert said in fed.lines()
    assert said not in GOOD.lines()
    behind = replace(fed, contradictions=("the series is 3 ledger positions behind",))
    assert said not in behind.lines()
    assert "the series is 3 ledger positions behind" in behind.lines()
