"""What the tests of cases share: a case after some steps, on days far from any holiday."""

from collections.abc import Iterable

from cloud.calendar import Calendar
from cloud.cases.case import Action, Attachment, Case
from cloud.cases.deadlines import Terms
from cloud.cases.policy import shipped
from cloud.cases.request import Request
from cloud.cases.rules import act, contact_left, opened
from cloud.people.rules import Person
from tests.cloud.conftest import NODE

CALENDAR = Calendar("Asia/Shanghai")
POLICY = shipped()
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
WINDOW = f"{NODE}/01"
FILE = Attachment("照片.jpg", "0" * 64, "image/jpeg", 5)


def at(clock: str, day: str = "2026-11-18") -> int:
    """The moment (ms) at which the clocks show "HH:MM" on `day`; that day is a Wednesday far from any holiday."""
    hours, minutes = clock.split(":")
    return CALENDAR.moment(day, int(hours) * 60 + int(minutes))


def weekdays(day: str) -> bool:
    return CALENDAR.weekday(day) < 5


TERMS = Terms(POLICY, CALENDAR, weekdays)
NOON = at("12:00")


def fresh(*, contact: bool = False, number: int = 1, since: int = NOON) -> Case:
    case, _ = opened(number, WINDOW, since - 1000, since, TERMS)
    return contact_left(case, since, TERMS)[0] if contact else case


def person(role: str = "admin", name: str = "li") -> Person:
    return Person(name, role, "city")  # type: ignore[arg-type]


def request(action: Action, text: str = "说清楚了", rating: int | None = None) -> Request:
    return Request(
        action,
        text,
        rating if action == "revisit" else None,
        "wang" if action == "assign" else None,
        FILE if action == "attach" else None,
    )


def walked(actions: Iterable[Action], *, contact: bool = False, moment: int = NOON, rating: int = 3) -> Case:
    """A case after `actions`, whose second signatures are another's."""
    case = fresh(contact=contact)
    for action in actions:
        name = "wang" if action.startswith(("uphold", "reject")) else "li"
        case, _ = act(case, request(action, rating=rating), person(name=name), moment, TERMS)
    return case
