"""From facts to the way of a rating, and steps out of logs."""

import json
import logging
from typing import Any

import pytest

from cloud.trace.facts import Destroyed, Facts, Greeting, Kept, Rating, Refused, Said
from cloud.trace.lines import steps_of
from cloud.trace.rules import WAY, Way, ways
from contract.batch import StreamKey
from contract.ranges import Ranges
from transport.lanes import Item
from transport.log import Lines
from transport.steps import passed

A1, G0, EPOCH = "371721121-a1", "371721121-g0", "AAAAAAAAAA"
AT = 1_763_800_000_000
CUT: Any = (EPOCH, "cut", 5, 9, None)
GONE = Destroyed(A1, EPOCH, Ranges([(4, 4), (6, 7)]), AT)


def rating(**changed: Any) -> Rating:  # noqa: ANN401
    usual: dict[str, Any] = {
        "position": 41,
        "epoch": EPOCH,
        "first": 5,
        "last": 9,
        "received_at": AT + 100,
        "lane": "live",
        "at": AT,
        "quality": 0,
        "window": f"{A1}/01",
        "level": 1,
        "presses": 2,
        "state": "counted",
        "reason": None,
        "admitted": None,
        "tallied": 3,
        "in_series": True,
    }
    return Rating(**usual | changed)


def only(facts: Facts, number: int = 7) -> Way:
    (way,) = ways(A1, number, facts)
    return way


def said(step: str, house: str, who: str, at: int = AT) -> Said:
    return Said(step, at, house, who, EPOCH, 5, 9, None, None)


def test_what_is_in_the_ledger_is_told_with_all_the_city_knows() -> None:
    way = only(Facts(ratings=[rating()]))
    assert (way.place, way.at, way.since, way.batch) == ("ledger", "position 41", AT + 100, f"{A1}/{EPOCH}/5")
    assert [step.step for step in way.steps] == ["pressed", "settled", "tallied", "in the series"]
    assert way.steps[0].detail == f"window {A1}/01, level 1, pressed 2x, time quality 0"


@pytest.mark.parametrize(
    ("state", "reason", "admitted", "steps"),
    [
        ("held", "unknown_window", None, ["pressed", "settled"]),
        ("conflict", "conflict", None, ["pressed", "settled"]),
        ("admitted", "unknown_window", 50, ["pressed", "settled", "admitted", "tallied", "in the series"]),
    ],
)
def test_what_does_not_count_is_told_neither_as_tallied_nor_as_in_the_series(
    state: str, reason: str, admitted: int | None, steps: list[str]
) -> None:
    way = only(Facts(ratings=[rating(state=state, reason=reason, admitted=admitted)]))
    assert [step.step for step in way.steps] == steps
    assert reason in "".join(step.detail for step in way.steps)


@pytest.mark.parametrize(("in_series", "told"), [(True, ["fed"]), (False, ["not yet"]), (None, [])])
def test_how_far_the_series_has_been_fed(in_series: bool | None, told: list[str]) -> None:  # noqa: FBT001
    way = only(Facts(ratings=[rating(in_series=in_series)]))
    assert [step.detail for step in way.steps if step.step == "in the series"] == told


def test_of_two_entries_the_first_one_counts() -> None:
    way = only(Facts(ratings=[rating(position=50, state="conflict", reason="conflict"), rating()]))
    assert way.rating is not None
    assert way.rating.position == 41


@pytest.mark.parametrize(
    ("facts", "place", "at"),
    [
        (Facts(greetings=[Greeting(A1, EPOCH, 9, AT, has=False)]), "node", A1),
        (Facts(greetings=[Greeting(A1, EPOCH, 9, AT, has=True), Greeting(G0, EPOCH, 0, AT, has=True)]), "gateway", G0),
        (Facts(greetings=[Greeting(A1, EPOCH, 6, AT, has=False)]), "never given", f"{A1} had numbered to 6"),
        (Facts(kept=[Kept(A1, "edge", EPOCH, "uncut", 7, 7, None)]), "node", A1),
        (Facts(kept=[Kept(A1, "edge", *CUT), Kept(G0, "gateway", *CUT)]), "gateway", G0),
        (Facts(kept=[Kept(A1, "edge", EPOCH, "cut", 5, 9, AT)]), "ledger", f"by a receipt that {A1} has"),
        (Facts(kept=[Kept(A1, "edge", EPOCH, "deleted", 7, 7, None)]), "ledger", f"by a receipt that {A1} has"),
        (Facts(kept=[Kept(G0, "gateway", EPOCH, "deleted", 7, 7, None)]), "unknown", ""),
        (Facts(kept=[Kept(A1, "edge", EPOCH, "beyond", 1, 6, None)]), "never given", f"{A1} numbered to 6"),
        (Facts(refused=[Refused(EPOCH, 5, 9, AT, "future")], said=[said("cut", "edge", A1)]), "quarantine", "future"),
        (Facts(said=[said("cut", "edge", A1), said("sent", "edge", A1)]), "node", A1),
        (Facts(said=[said("cut", "edge", A1), said("recorded", "gateway", G0)]), "gateway", G0),
        (Facts(said=[said("settled", "gateway", G0)]), "ledger", "as its log says"),
        (Facts([], [], [Greeting(A1, EPOCH, 9, AT, has=False)], [GONE]), "destroyed", f"on the disk of {A1}"),
        (Facts(greetings=[Greeting(G0, EPOCH, 0, AT, has=True)], destroyed=[GONE]), "gateway", G0),
        (Facts(ratings=[rating()], destroyed=[GONE]), "ledger", "position 41"),
        (Facts(kept=[Kept(A1, "edge", EPOCH, "destroyed", 6, 7, None)]), "destroyed", f"on the disk of {A1}"),
        (Facts(), "unknown", ""),
    ],
)  # fmt: skip
def test_the_furthest_place_that_any_source_knows(facts: Facts, place: str, at: str) -> None:
    way = only(facts)
    assert (way.place, way.at) == (place, at)


def test_what_is_destroyed_is_told_with_all_that_went_with_it() -> None:
    kept = Kept(A1, "edge", EPOCH, "destroyed", 6, 7, None)
    way = only(Facts(kept=[kept], destroyed=[GONE]))
    assert (way.place, way.at) == ("destroyed", f"on the disk of {A1}")
    assert {(step.step, step.who, step.source, step.detail) for step in way.steps} == {
        ("destroyed", A1, "store", "numbers 6..7"),
        ("destroyed", A1, "hello", "declared in a signed hello; of this run 3 in all: 4, 6..7"),
    }


def test_every_epoch_that_has_the_number_newest_first() -> None:
    old, new = rating(epoch="BBBBBBBBBB", received_at=AT - 5000, at=AT - 6000), rating()
    beyond = Kept(A1, "edge", "CCCCCCCCCC", "beyond", 1, 6, None)
    facts = Facts(ratings=[old, new], kept=[beyond])
    assert [way.epoch for way in ways(A1, 7, facts)] == [EPOCH, "BBBBBBBBBB"]
    assert [way.epoch for way in ways(A1, 7, facts, epoch="BBBBBBBBBB")] == ["BBBBBBBBBB"]
    assert [way.place for way in ways(A1, 7, facts, epoch="CCCCCCCCCC")] == ["never given"]
    assert [way.place for way in ways(A1, 7, facts, epoch="DDDDDDDDDD")] == ["unknown"]


def test_steps_stand_in_the_order_of_the_way_whatever_each_clock_says() -> None:
    steps = [said(step, house, "x", AT - index * 1000) for index, (house, step) in enumerate(WAY)]
    assert [(step.house, step.step) for step in only(Facts(said=steps)).steps] == list(WAY)


def test_of_one_step_who_can_date_it_tells_first() -> None:
    """A store does not tell when it was cut, and is read a moment before the log that does."""
    steps = only(Facts(kept=[Kept(A1, "edge", *CUT)], said=[said("cut", "edge", A1)])).steps
    assert [(step.at, step.source) for step in steps] == [(AT, "log"), (None, "store")]


def line(record: logging.LogRecord, house: str = "gateway") -> bytes:
    return Lines(house=house, who=G0).format(record).encode()


def test_steps_are_read_as_they_are_written(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    mine, other = StreamKey(A1, EPOCH), StreamKey("371721121-a11", EPOCH)
    passed("recorded", [Item(1, mine, 5, 9, 1)], who=G0)
    passed("settled", [Item(1, other, 5, 9, 1), Item(2, mine, 1, 4, 1), Item(3, mine, 5, 9, 1)], position=40)
    logged = [line(record) for record in caplog.records]
    found = list(steps_of(A1, 7, [b"not JSON\n", b'{"step":"odd","batch":"371721121-a1/', *logged]))
    assert [(one.step, one.first, one.last, one.position) for one in found] == [
        ("recorded", 5, 9, None),
        ("settled", 5, 9, 42),
    ]
    assert {one.who for one in found} == {G0}
    assert [one.first for one in steps_of(A1, 3, logged)] == [1]
    assert list(steps_of(A1, 10, logged)) == []


def test_a_line_that_only_looks_like_a_step_is_passed_over() -> None:
    odd = {"time": "2025-11-22T08:26:40.123Z", "house": "edge", "who": A1, "step": "cut", "last": 9}
    lines = [
        json.dumps(odd | {"batch": batch}).encode() for batch in (f"{A1}/{EPOCH}/x", f"{A1}/5", f"{A1}/{EPOCH}/5/6")
    ]
    assert list(steps_of(A1, 7, lines)) == []
