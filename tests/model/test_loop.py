"""Tests of the model's time: what never ends is a failure with a name, not a wait."""

import asyncio
from collections.abc import Callable

import pytest

from tests.model.loop import Endless, VirtualLoop
from tests.model.stage import in_the_model
from tests.model.world import World


def never_rests(loop: VirtualLoop) -> None:
    loop.call_soon(never_rests, loop)


def waits_for_no_time(loop: VirtualLoop) -> None:
    loop.call_later(0, waits_for_no_time, loop)


@pytest.mark.parametrize("work", [never_rests, waits_for_no_time])
def test_who_goes_on_for_ever_is_named(work: Callable[[VirtualLoop], None]) -> None:
    loop = VirtualLoop()
    loop.call_soon(work, loop)
    with pytest.raises(Endless, match=rf"^1\.5 s take more than .*{work.__name__}"):
        loop.run_for(1.5)
    loop.close()


def test_a_minute_of_waiting_takes_few_turns() -> None:
    loop = VirtualLoop()
    task = loop.create_task(asyncio.sleep(59))
    loop.run_for(60)
    assert task.done()
    assert loop.turns < 10
    loop.close()


def test_a_disk_without_a_moment_between_two_transactions_is_not_backed_up() -> None:
    with in_the_model():
        world = World()
        house = world.nodes["a1"]
        house.platter.slow = 0.05
        world.press("a1", "01", 3)
        while not house.platter.busy:
            world.run(0.01)
        house.platter.slow = 1e6
        world.run(0.06)

        world.back_up("a1")

        assert house.platter.busy
        assert "a1" not in world.images
        world.close()
