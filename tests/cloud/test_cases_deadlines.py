"""What is next in a case is due on a working day, and goes up when it is overdue."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.cases.case import LEVELS, Action, Body, Case, CaseRefused
from cloud.cases.deadlines import Terms, deadline, level_of, risen, rises_at, terms_of, working_days
from cloud.cases.request import Request
from cloud.cases.rules import act, contact_left
from cloud.hours.holder import offices_of
from cloud.hours.rules import Closure, Registered
from tests.cloud.docket import (
    CALENDAR,
    DAY_MS,
    HOUR_MS,
    NOON,
    POLICY,
    TERMS,
    at,
    fresh,
    person,
    request,
    walked,
    weekdays,
)


def naive(since: int, count: int, rest: frozenset[int]) -> int:
    """The end of the count-th working day after that of `since`; those whose number is in `rest` are none."""
    found, day = 0, CALENDAR.day(since)
    number = 0
    while found < count:
        day, number = CALENDAR.later(day, 1), number + 1
        if number not in rest and CALENDAR.weekday(day) < 5:
            found += 1
    return CALENDAR.start(CALENDAR.later(day, 1))


@given(
    st.integers(0, 700 * DAY_MS),
    st.integers(1, 40),
    st.frozensets(st.integers(1, 60), max_size=15),
    st.integers(1, 60),
)
def test_a_deadline_is_the_end_of_a_working_day(gap: int, count: int, rest: frozenset[int], guessed: int) -> None:
    since = NOON + gap
    numbers = {CALENDAR.later(CALENDAR.day(since), number): number for number in range(1, 200)}
    terms = Terms(
        POLICY, CALENDAR, lambda day: weekdays(day) and numbers[day] not in rest, lambda day: numbers[day] != guessed
    )
    found = working_days(since, count, terms)
    assert found.at == naive(since, count, rest)
    assert found.sure == (found.at <= CALENDAR.start(CALENDAR.later(CALENDAR.day(since), guessed)))


def test_an_endless_holiday_is_no_endless_loop() -> None:
    found = working_days(NOON, 15, Terms(POLICY, CALENDAR, lambda _day: False))
    assert found.at == CALENDAR.end(CALENDAR.later("2026-11-18", 60 + 15))


def due_days(case: Case) -> str | None:
    return None if case.due_at is None else CALENDAR.day(case.due_at - 1)


def test_each_obligation_has_its_working_days_from_the_opening_on() -> None:
    """Opened on Wednesday, 18 November."""
    assert due_days(fresh(contact=True)) == "2026-11-19"
    later = at("23:59", "2026-11-19")
    for contact, first in ((True, ["contact"]), (False, [])):
        of: list[Action] = [*first]  # type: ignore[list-item]
        case = walked(of, contact=contact, moment=later)
        assert due_days(case) == "2026-11-25"
        case = walked([*of, "verify"], contact=contact, moment=later)
        assert due_days(case) == "2026-12-09"
        for more in ("rectify", "reply"):
            of = [*of, *(["verify"] if "verify" not in of else []), more]  # type: ignore[list-item]
            assert walked(of, contact=contact, moment=later).due_at is None
    assert walked(["call_unfounded", "uphold_unfounded"]).due_at is None


def test_a_citizen_who_is_dissatisfied_again_begins_a_new_rectification() -> None:
    replied = walked(["contact", "verify", "rectify", "reply"], contact=True)
    moment = at("09:00", "2027-01-06")
    case, (step,) = act(replied, Request("revisit", rating=1), person(), moment, TERMS)
    assert (case.state, case.since, due_days(case)) == ("verified", moment, "2027-01-27")
    assert step.body == Body(rating=1, due_at=case.due_at)
    # What came before is the case's own history and no deadline's.
    assert case.opened_at == NOON


def test_a_contact_makes_calling_the_first_thing_to_do() -> None:
    case, (step,) = contact_left(fresh(), "wang", NOON + 5, TERMS)
    assert (case.contact, due_days(case), step.who, step.action) == (True, "2026-11-19", "wang", "leave_contact")
    # Another in its place: the day counts from where it did.
    again, steps = contact_left(case, "li", NOON + DAY_MS, TERMS)
    assert ([step.action for step in steps], again.contact, again.due_at) == (
        ["delete_contact", "leave_contact"],
        True,
        case.due_at,
    )
    with pytest.raises(CaseRefused, match="the case is closed"):
        contact_left(walked(["verify", "rectify", "reply", "close"]), "li", NOON, TERMS)


def test_the_offices_days_are_the_citys_and_a_closure_gives_no_time() -> None:
    """The first week of October is a holiday, and the Saturday after it is worked in 2026."""
    closed = Registered(closures=(Closure("city", "2026-10-08", "2026-10-09", "停电"),))
    both = [
        terms_of(POLICY, CALENDAR, offices_of(registered, CALENDAR), "371721121")
        for registered in (Registered(), closed)
    ]
    for terms in both:
        assert CALENDAR.day(working_days(at("12:00", "2026-09-30"), 3, terms).at - 1) == "2026-10-10"
        assert not working_days(at("12:00", "2090-09-30"), 3, terms).sure


DUE = CALENDAR.end("2026-11-25")


@pytest.mark.parametrize(
    ("moment", "level"),
    [
        (DUE - 1, "township"),
        (DUE, "county"),
        # Thursday, Friday and, past the weekend, Monday are the three working days.
        (CALENDAR.end("2026-11-30") - 1, "county"),
        (CALENDAR.end("2026-11-30"), "city"),
        (CALENDAR.end("2027-11-30"), "city"),
    ],
)
def test_what_is_overdue_goes_to_the_county_at_once_and_to_the_city_three_working_days_later(
    moment: int, level: str
) -> None:
    assert level_of(DUE, moment, TERMS) == level
    assert level_of(None, moment, TERMS) == "township"
    case, steps = risen(fresh(), moment, TERMS)
    assert case.level == level
    assert [(step.who, step.action, step.body.level) for step in steps] == [
        ("system", "raise", one) for one in LEVELS[1 : LEVELS.index(case.level) + 1]
    ]
    assert case.raise_at == {"township": DUE, "county": CALENDAR.end("2026-11-30"), "city": None}[level]
    assert risen(case, moment, TERMS) == (case, [])


@given(st.lists(st.integers(0, 30 * DAY_MS), min_size=1, max_size=12))
def test_time_alone_never_lowers_a_level_and_the_mark_is_when_it_rises(gaps: list[int]) -> None:
    case, moment = fresh(), NOON
    for gap in gaps:
        before, moment = case, moment + gap
        case, steps = risen(case, moment, TERMS)
        assert LEVELS.index(case.level) >= LEVELS.index(before.level)
        assert bool(steps) == (before.raise_at is not None and before.raise_at <= moment)
        assert case.raise_at == rises_at(case.level, case.due_at, TERMS)


def test_what_settles_the_overdue_gives_the_case_back_and_the_history_keeps_the_rise() -> None:
    moment = DUE + HOUR_MS
    case, steps = act(fresh(), request("verify"), person("township"), moment, TERMS)
    assert [(step.action, step.body.level) for step in steps] == [("raise", "county"), ("verify", "township")]
    assert (case.level, due_days(case)) == ("township", "2026-12-09")
    # A note settles nothing.
    case, steps = act(fresh(), request("note"), person("township"), moment, TERMS)
    assert ([step.action for step in steps], case.level) == (["raise", "note"], "county")
    # Who calls so late that the verification is overdue as well still has the county's eye.
    case, _ = act(fresh(contact=True), request("contact"), person("township"), CALENDAR.end("2026-11-25"), TERMS)
    assert (case.state, case.level) == ("contacted", "county")


def test_nobody_is_overdue_by_a_guess_about_holidays() -> None:
    published = Terms(POLICY, CALENDAR, lambda day: weekdays(day) and day != "2026-11-20")
    case, steps = risen(fresh(), DUE, published)
    assert (steps, case.level, due_days(case), case.raise_at) == ([], "township", "2026-11-26", DUE + DAY_MS)
    assert deadline(case, published) == (DUE + DAY_MS, True)
