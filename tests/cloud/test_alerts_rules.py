"""When there is an alert, and who is told of it in which order."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.alerts.alert import ACTIONS, Action, Alert, AlertRefused, Figures
from cloud.alerts.policy import Rate, shipped
from cloud.alerts.rules import AGAIN_MS, act, allowed, breached, of_case, of_rate, passed, quiet, settled
from cloud.cases.case import Level
from cloud.people.rules import ROLES, Person
from cloud.rota.rules import Turn, by_place
from proof.scores import mean

WINDOW = "371721121-a1/01"
TOWNSHIP, COUNTY, CITY = "371721121", "371721", "city"
NOW = 1_795_370_494_364
MINUTE = 60_000
POLICY = shipped()
PATIENCE = POLICY.patience_minutes * MINUTE
RATE = POLICY.rate
counts = st.tuples(*[st.integers(0, 40)] * 3)
rates = st.builds(
    Rate,
    minutes=st.just(60),
    least=st.integers(1, 30),
    count=st.integers(1, 30),
    share=st.floats(0, 1),
    index=st.floats(0, 1),
    quiet_minutes=st.just(60),
)


def turn(place: str, a: str, b: str | None = None, begin: int = 0, end: int | None = None) -> Turn:
    return Turn(place, begin, end, a, b)


def fresh(level: Level = "township") -> Alert:
    return of_case(1, 7, 1, WINDOW, level, NOW)[0]


def told(alert: Alert, turns: list[Turn], *, looks: int = 8) -> list[str]:
    """Who is told when nobody ever answers, and is looked at again each time it is due."""
    found, now = [], NOW
    for _ in range(looks):
        alert, steps = passed(alert, by_place(turns), now, POLICY)
        found += [step.holder for step in steps if step.holder is not None]
        if alert.pass_at is None:
            break
        assert alert.pass_at > now
        now = alert.pass_at
    return found


@given(counts, rates)
def test_an_alert_is_what_the_policy_says_word_by_word(n: tuple[int, int, int], rate: Rate) -> None:
    rated = sum(n)
    bad = rated >= rate.least and (n[2] >= rate.count or n[2] / rated >= rate.share or mean(n) < rate.index)
    # A share of exactly so much may fall to either side of a rounding.
    assert breached(n, rate) == bad or abs(n[2] / rated - rate.share) < 1e-9


@given(counts, rates)
def test_one_more_dissatisfied_in_place_of_another_never_ends_an_alert(n: tuple[int, int, int], rate: Rate) -> None:
    if breached(n, rate):
        for level in (0, 1):
            if n[level]:
                worse = [*n]
                worse[level] -= 1
                worse[2] += 1
                assert breached((worse[0], worse[1], worse[2]), rate)


def test_below_the_least_number_nothing_follows() -> None:
    assert not breached((0, 0, RATE.least - 1), RATE)
    assert breached((0, 0, RATE.least), RATE)
    assert not breached((100, 0, 0), RATE)


def test_a_comes_first_then_b_then_the_next_place_up() -> None:
    turns = [turn(TOWNSHIP, "wang", "li"), turn(COUNTY, "zhao", "qian"), turn(CITY, "sun", "zhou")]
    assert told(fresh(), turns) == ["wang", "li", "zhao", "qian", "sun", "zhou"]
    assert told(fresh("county"), turns) == ["zhao", "qian", "sun", "zhou"]
    assert told(fresh("city"), turns) == ["sun", "zhou"]


def test_nobody_is_told_before_the_one_before_had_time_to_answer() -> None:
    turns = by_place([turn(TOWNSHIP, "wang", "li")])
    first, _ = passed(fresh(), turns, NOW, POLICY)
    assert (first.holder, first.rank, first.place, first.pass_at) == ("wang", "a", TOWNSHIP, NOW + PATIENCE)


def test_without_a_b_or_a_place_without_a_turn_the_next_one_is_told() -> None:
    assert told(fresh(), [turn(TOWNSHIP, "wang"), turn(CITY, "sun")]) == ["wang", "sun"]
    assert told(fresh(), [turn(CITY, "sun")]) == ["sun"]


def test_who_has_it_is_not_told_again_by_another_title() -> None:
    assert told(fresh(), [turn(TOWNSHIP, "wang"), turn(COUNTY, "wang", "li")]) == ["wang", "li"]


def test_it_is_whose_turn_it_is_at_that_moment() -> None:
    turns = [turn(TOWNSHIP, "wang", "li"), turn(TOWNSHIP, "standin", "li", NOW - 5, NOW + 5)]
    assert told(fresh(), turns) == ["standin", "li"]
    turns = [turn(TOWNSHIP, "wang", "li"), turn(TOWNSHIP, "later", "chen", NOW + 5)]
    assert told(fresh(), turns) == ["wang", "chen"]


def test_while_nobody_is_on_call_it_is_asked_again_and_said_once() -> None:
    first, steps = passed(fresh(), {}, NOW, POLICY)
    assert ([step.action for step in steps], first.pass_at, first.holder) == (["nobody"], NOW + AGAIN_MS, None)
    second, steps = passed(first, {}, NOW + AGAIN_MS, POLICY)
    assert (steps, second.pass_at) == ([], NOW + 2 * AGAIN_MS)
    third, _ = passed(second, by_place([turn(CITY, "sun")]), NOW + 2 * AGAIN_MS, POLICY)
    assert third.holder == "sun"


@given(
    st.lists(
        st.builds(
            turn,
            st.sampled_from([TOWNSHIP, COUNTY, CITY]),
            st.sampled_from("abcd"),
            st.sampled_from(["a", "b", "e", None]),
            st.integers(NOW - 3 * PATIENCE, NOW + 3 * PATIENCE),
            st.none() | st.integers(NOW - PATIENCE, NOW + 4 * PATIENCE),
        ),
        max_size=6,
    )
)
def test_it_ends_somewhere_and_tells_no_two_in_a_row_the_same(turns: list[Turn]) -> None:
    names = told(fresh(), turns, looks=2000)
    assert len(names) <= 6
    assert all(a != b for a, b in pairwise(names))


def test_an_answer_ends_the_passing_on() -> None:
    alert, _ = passed(fresh(), by_place([turn(TOWNSHIP, "wang", "li")]), NOW, POLICY)
    after, step = act(alert, "acknowledge", "", Person("wang", "township", TOWNSHIP), NOW + 5)
    assert (after.state, after.pass_at, after.holder) == ("acknowledged", None, "wang")
    assert (step.who, step.action, step.number) == ("wang", "acknowledge", after.steps)


@pytest.mark.parametrize("role", ROLES)
def test_only_who_may_act_in_a_place_answers(role: str) -> None:
    person = Person("x", role, CITY)  # type: ignore[arg-type]
    may = role in {"township", "supervisor", "operator", "admin"}
    assert bool(allowed(fresh(), person)) == may
    for action in ACTIONS:
        if may:
            act(fresh(), action, "去看过了", person, NOW)
        else:
            with pytest.raises(AlertRefused) as refused:
                act(fresh(), action, "去看过了", person, NOW)
            assert refused.value.why == "role"


def test_a_closed_alert_is_only_commented_on() -> None:
    person = Person("li", "operator", CITY)
    closed, _ = act(fresh(), "close", "已处理好", person, NOW)
    assert (closed.state, closed.closed_at) == ("closed", NOW)
    assert allowed(closed, person) == ["comment"]
    with pytest.raises(AlertRefused, match="the alert is closed"):
        act(closed, "acknowledge", "", person, NOW)


@pytest.mark.parametrize(("action", "text"), [("comment", "  好 "), ("close", ""), ("close", "x" * 4001)])
def test_what_says_nothing_is_refused(action: Action, text: str) -> None:
    with pytest.raises(AlertRefused) as refused:
        act(fresh(), action, text, Person("li", "operator", CITY), NOW)
    assert refused.value.why == "content"


def test_a_rate_closes_after_a_quiet_while() -> None:
    alert, step = of_rate(3, WINDOW, Figures("button", 60, 1, 2, 3), NOW, NOW + 7)
    assert (alert.kind, alert.breached_at, alert.raised_at, step.at) == ("rate", NOW, NOW + 7, NOW + 7)
    while_ms = RATE.quiet_minutes * MINUTE
    assert not quiet(alert, NOW + while_ms - 1, RATE)
    assert quiet(alert, NOW + while_ms, RATE)
    after, last = settled(alert, NOW + while_ms)
    assert (after.state, last.who, last.action) == ("closed", "system", "close")
