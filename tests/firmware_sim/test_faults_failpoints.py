"""A house under the implant: it obeys, and dies where it is told to."""

from collections.abc import Mapping

from firmware_sim.faults.deaths import Kill
from firmware_sim.faults.effect import Fault
from firmware_sim.faults.failpoints import POINTS
from firmware_sim.faults.kinds import KINDS
from firmware_sim.faults.patient import HOUSES
from firmware_sim.faults.plan import draw

SEEDS = range(1, 21)
MINUTES = 5.0


def planned(kinds: Mapping[str, Fault]) -> dict[str, set[str]]:
    """By house, the failpoints at which it is killed over the seeds."""
    met: dict[str, set[str]] = {house: set() for house in HOUSES}
    for seed in SEEDS:
        for strike in draw(seed, MINUTES, {kind: fault.seconds for kind, fault in kinds.items()}):
            fault = kinds[strike.kind]
            if isinstance(fault, Kill):
                met[fault.house].update(fault.points(strike.random(seed)))
    return met


def test_each_process_is_killed_at_each_of_its_failpoints_over_the_seeds() -> None:
    assert {house: sorted(points) for house, points in planned(KINDS).items()} == {
        house: sorted(points) for house, points in POINTS.items()
    }
