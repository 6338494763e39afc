"""The last step of a batch: the city says in one line what a commit settled, and under which positions."""

import logging

import pytest

from cloud.trace.lines import steps_of
from tests.cloud.conftest import EPOCH, NODE, Desk, entry
from transport.log import Lines


async def test_a_commit_says_which_batches_it_settled_and_where(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "transport.steps")
    await desk.exchange(entry(1, ("01", 3), ("01", 3)))
    await desk.exchange(entry(3, ("01", 3)), entry(1, ("01", 3), ("01", 3)), entry(4, ("01", 1)))
    lines = [Lines(house="city", who="city").format(record).encode() for record in caplog.records]
    assert [record.getMessage() for record in caplog.records] == [f"settled {NODE}/{EPOCH}/1", "settled 2 batches"]
    assert [[step.position for step in steps_of(NODE, number, lines)] for number in (1, 2, 3, 4, 5)] == [
        [1],
        [1],
        [2],
        [3],
        [],
    ]


async def test_what_only_comes_again_is_not_said_again(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    await desk.exchange(entry(1, ("01", 3)))
    caplog.set_level(logging.INFO, "transport.steps")
    await desk.exchange(entry(1, ("01", 3)))
    assert caplog.records == []
