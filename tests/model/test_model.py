"""The sans-I/O model: what searches the interleavings. How it is built and what it found: docs/testing.md.

In CI two fixed searches. For a night, under a fresh seed that is told: `make model`.
"""

import secrets

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.count import notes
from tests.model.machine import Machine
from tests.model.stage import in_the_model

STEPS = 50
STORIES, MORE = 40, 5
# The second search of CI; a night draws its own.
SECOND = 1
# Hypothesis's own number means CI; the profile of a night has another.
NIGHT = settings().max_examples if settings().max_examples > settings.get_profile("default").max_examples else 0


def search(stories: int, *, fresh: int | None = None) -> None:
    """Tell `stories`: always the same ones, or those of the seed `fresh`."""
    told = settings(
        max_examples=stories,
        stateful_step_count=STEPS,
        derandomize=fresh is None,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        phases=(Phase.generate, Phase.shrink),
    )
    machine = type("Story", (Machine,), {})
    with in_the_model():
        run_state_machine_as_test(machine if fresh is None else seed(fresh)(machine), settings=told)


@pytest.mark.timeout(600)
def test_whatever_happens_every_rating_is_counted_once() -> None:
    search(STORIES)


@pytest.mark.timeout(0 if NIGHT else 600)
def test_and_so_it_is_in_other_stories(request: pytest.FixtureRequest) -> None:
    fresh = int(request.config.getoption("--hypothesis-seed") or (secrets.randbits(32) if NIGHT else SECOND))
    notes.append(f"seed {fresh}; again: make model ARGS=--hypothesis-seed={fresh}")
    search(NIGHT or MORE, fresh=fresh)
