"""Tests of what is told of the model at the end of a run."""

import json

import pytest

from tests.model.count import PROPERTY, counts_of, told

ONE = {"steps": {"press": 2}, "deeds": {"stories": 1}, "notes": ["seed 7"]}
TWO = {"steps": {"crash": 1, "press": 1_000}, "deeds": {"stories": 3}, "notes": []}


def test_the_counts_of_several_tests_are_told_as_one() -> None:
    assert told([ONE, TWO]) == ["model: seed 7", "model: 1,003 steps (press 1,002, crash 1)", "model: 4 stories"]
    assert told([]) == []


def test_a_report_carries_the_count_to_another_process(pytestconfig: pytest.Config) -> None:
    properties: list[tuple[str, object]] = [("another's", 5), (PROPERTY, ONE)]
    ended = pytest.TestReport("test", ("test", 1, "test"), {}, "passed", None, "teardown", user_properties=properties)
    carried = json.dumps(pytestconfig.hook.pytest_report_to_serializable(config=pytestconfig, report=ended))
    arrived = pytestconfig.hook.pytest_report_from_serializable(config=pytestconfig, data=json.loads(carried))
    assert counts_of([arrived, object()]) == [ONE]
