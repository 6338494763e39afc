"""By when what is next in a case is due, and who has to see to it when it is not done. Pure.

Deadlines end with a working day: the N-th after the day from which they count, in the city's zone. An office that is
closed on a working day for reasons of its own gains no time by it.
"""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from cloud.calendar import Calendar
from cloud.cases.case import LEVELS, SYSTEM, Body, Case, Level, State, Step
from cloud.cases.policy import Policy
from cloud.hours.rules import Offices

Obligation = Literal["contact", "verify", "rectify"]
# What is next in each state, by whether the citizen left a contact; in every other state nothing is due.
NEXT: Mapping[tuple[State, bool], Obligation] = {
    ("new", True): "contact",
    ("new", False): "verify",
    ("contacted", True): "verify",
    ("contacted", False): "verify",
    ("verified", True): "rectify",
    ("verified", False): "rectify",
}
# Whoever registers more days without work in a row than this is not waited for.
_MOST_REST = 60


class Deadline(NamedTuple):
    """The end (ms) of its last day. `sure`: of every day up to then somebody said whether it is a holiday."""

    at: int
    sure: bool


class Terms(NamedTuple):
    """What the deadlines of one township's cases follow from; days are ISO text."""

    policy: Policy
    calendar: Calendar
    is_working: Callable[[str], bool]
    is_known: Callable[[str], bool] = lambda _day: True


def terms_of(policy: Policy, calendar: Calendar, offices: Offices, township: str) -> Terms:
    """The terms of `township` (9 digits)."""
    return Terms(
        policy,
        calendar,
        lambda day: offices.day(township, day).kind == "working",
        lambda day: offices.day(township, day).known,
    )


def working_days(since: int, count: int, terms: Terms) -> Deadline:
    """The end of the `count`-th working day after the day of `since` (ms)."""
    day, left, sure, rest = terms.calendar.day(since), count, True, 0
    while left:
        day = terms.calendar.later(day, 1)
        sure = sure and terms.is_known(day)
        rest = 0 if terms.is_working(day) else rest + 1
        if rest == 0 or rest > _MOST_REST:
            left -= 1
    return Deadline(terms.calendar.end(day), sure)


def obligation(state: State, *, contact: bool) -> Obligation | None:
    """What is next in `state`; None where nothing is due."""
    return NEXT.get((state, contact))


def deadline(case: Case, terms: Terms) -> Deadline | None:
    """When what is next in `case` is due, as the calendar has it by now; None where nothing is."""
    due = obligation(case.state, contact=case.contact)
    return None if due is None else working_days(case.since, getattr(terms.policy.days, due), terms)


def level_of(due_at: int | None, at: int, terms: Terms) -> Level:
    """Who has to see at `at` (ms) to what was due by `due_at`: the township as long as it is not overdue."""
    if due_at is None or at < due_at:
        return "township"
    return "city" if at >= _city_from(due_at, terms) else "county"


def rises_at(level: Level, due_at: int | None, terms: Terms) -> int | None:
    """When (ms) a case at `level` rises if what is due by `due_at` is not done; None: it does not."""
    if due_at is None or level == "city":
        return None
    return due_at if level == "township" else _city_from(due_at, terms)


def dated(case: Case, at: int, terms: Terms) -> Case:
    """`case` with the deadline of what is next, and at no higher level than what is overdue at `at` (ms) asks for.

    So a step that settles what was overdue gives the case back to the township, unless the next obligation is overdue
    as well; the history keeps every rise. Time alone never lowers a level.
    """
    due = deadline(case, terms)
    due_at = None if due is None else due.at
    level = min(case.level, level_of(due_at, at, terms), key=LEVELS.index)
    return case._replace(due_at=due_at, level=level, raise_at=rises_at(level, due_at, terms))


def risen(case: Case, at: int, terms: Terms) -> tuple[Case, list[Step]]:
    """`case` at the level that what is overdue at `at` (ms) asks for, and one step for each rise.

    Its deadline is made anew first: when holidays are published that were not known, nobody is overdue by a guess.
    """
    due = deadline(case, terms)
    due_at = None if due is None else due.at
    wanted = LEVELS.index(level_of(due_at, at, terms))
    steps = []
    for level in LEVELS[LEVELS.index(case.level) + 1 : wanted + 1]:
        case = case._replace(level=level, steps=case.steps + 1)
        steps.append(Step(case.steps, at, SYSTEM, "raise", case.state, Body(level=level)))
    return case._replace(due_at=due_at, raise_at=rises_at(case.level, due_at, terms)), steps


def _city_from(due_at: int, terms: Terms) -> int:
    # A deadline is the first moment of the day after it.
    return working_days(due_at - 1, terms.policy.days.to_city, terms).at
