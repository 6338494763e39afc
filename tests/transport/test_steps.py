"""One line for each step of a batch, or of many together."""

import logging
from typing import Any

import pytest

from contract.batch import StreamKey
from transport.lanes import Item
from transport.steps import A_LINE, GATEWAY, NODE, Steps, logger, passed, unsaid

STREAM = StreamKey("371721121-a1", "AAAAAAAAAA")


def items(count: int) -> list[Item]:
    return [Item(number, STREAM, number * 2 - 1, number * 2, 300) for number in range(1, count + 1)]


@pytest.fixture(autouse=True)
def _said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def fields(record: Any) -> dict[str, object]:  # noqa: ANN401
    names = ("step", "who", "batch", "last", "batches", "lasts", "position", "positions", "lane")
    return {name: getattr(record, name) for name in names if getattr(record, name, None) is not None}


def test_one_batch_is_named_by_its_first_number(caplog: pytest.LogCaptureFixture) -> None:
    passed("settled", items(1), position=41)
    assert [fields(line) for line in caplog.records] == [
        {"step": "settled", "batch": "371721121-a1/AAAAAAAAAA/1", "last": 2, "position": 41}
    ]
    assert caplog.records[0].getMessage() == "settled 371721121-a1/AAAAAAAAAA/1"


def test_many_together_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    passed("settled", items(3), position=41)
    assert [fields(line) for line in caplog.records] == [
        {
            "step": "settled",
            "batches": [f"371721121-a1/AAAAAAAAAA/{first}" for first in (1, 3, 5)],
            "lasts": [2, 4, 6],
            "positions": (41, 43),
        }
    ]


def test_many_that_have_no_position_are_said_without(caplog: pytest.LogCaptureFixture) -> None:
    passed("held", items(2), who="371721121-a1", lane="live")
    assert [fields(line) for line in caplog.records] == [
        {
            "step": "held",
            "who": "371721121-a1",
            "lane": "live",
            "batches": [f"371721121-a1/AAAAAAAAAA/{first}" for first in (1, 3)],
            "lasts": [2, 4],
        }
    ]
    assert caplog.records[0].getMessage() == "held 2 batches"


def test_no_line_outgrows_what_a_journal_takes(caplog: pytest.LogCaptureFixture) -> None:
    passed("settled", items(2 * A_LINE + 1), position=1)
    assert [fields(line).get("positions", fields(line).get("position")) for line in caplog.records] == [
        (1, A_LINE),
        (A_LINE + 1, 2 * A_LINE),
        2 * A_LINE + 1,
    ]


def test_nothing_is_said_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    passed("held", [])
    assert caplog.records == []


def test_each_house_has_its_own_words(caplog: pytest.LogCaptureFixture) -> None:
    for steps in (Steps("371721121-a1", NODE), Steps("371721121-g0", GATEWAY)):
        steps.sent(items(1), "live")
        steps.there(items(1))
        steps.receipted(items(1))
    assert [(line["who"], line["step"], line.get("lane")) for line in map(fields, caplog.records)] == [
        ("371721121-a1", "sent", "live"),
        ("371721121-a1", "held", None),
        ("371721121-a1", "settled", None),
        ("371721121-g0", "forwarded", "live"),
        ("371721121-g0", "settled", None),
    ]


def test_where_steps_are_not_logged_none_is_worked_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    batches = iter(items(1))
    passed("held", batches)
    assert caplog.records == []
    assert next(batches)


def test_who_plays_hundreds_can_have_none_said(caplog: pytest.LogCaptureFixture) -> None:
    level = logger.level
    try:
        unsaid()
        passed("held", items(1))
    finally:
        logger.setLevel(level)
    assert caplog.records == []
    passed("held", items(1))
    assert len(caplog.records) == 1
