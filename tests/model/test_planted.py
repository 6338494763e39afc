"""Tests of the model itself: it finds each planted bug, always by the same stories, and soon."""

import time

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.count import deeds, notes, steps
from tests.model.machine import Machine
from tests.model.planted import PLANTED, Planted
from tests.model.stage import in_the_model

# Stories enough for the shyest of them, and none more once it is found.
SEARCH = settings(
    max_examples=400,
    stateful_step_count=40,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
    phases=(Phase.generate,),
    report_multiple_bugs=False,
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("plant", "says"), PLANTED, ids=[plant.__name__ for plant, _ in PLANTED])
def test_a_planted_bug_is_found(plant: Planted, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = type(plant.__name__, (Machine,), {})
    began = time.process_time()

    with in_the_model():
        plant(monkeypatch)
        with pytest.raises(Exception, match=says):
            run_state_machine_as_test(machine, settings=SEARCH)

    took = time.process_time() - began
    notes.append(f"planted: {plant.__name__} is found after {steps.total()} steps, {took:.1f} s of CPU")
    # They are not among those that tell of a sound product.
    steps.clear()
    deeds.clear()
