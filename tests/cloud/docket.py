"""What the tests of cases share: a case after some steps, on days far from any holiday."""

from collections.abc import Callable, Iterable

from cloud.calendar import Calendar
from cloud.cases import reading, store
from cloud.cases.case import Action, Attachment, Case, Rating
from cloud.cases.deadlines import Terms
from cloud.cases.desk import CaseDesk
from cloud.cases.policy import shipped
from cloud.cases.reading import Asked, Listed, Told
from cloud.cases.request import Request
from cloud.cases.rules import act, contact_left, opened
from cloud.cases.veil import Viewer
from cloud.database import Database
from cloud.hours.holder import offices_of
from cloud.hours.rules import NOTHING
from cloud.people.rules import Person
from tests.cloud.conftest import EPOCH, NODE

CALENDAR = Calendar("Asia/Shanghai")
POLICY = shipped()
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
WINDOW = f"{NODE}/01"
CITY = Viewer(at_once=True, now=0)
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
    return contact_left(case, "li", since, TERMS)[0] if contact else case


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


def desk_of(database: Database, now: Callable[[], int]) -> CaseDesk:
    """Where people act in a city whose time is `now()`; every office works on weekdays."""
    return CaseDesk(database, policy=POLICY, calendar=CALENDAR, offices=lambda: offices_of(NOTHING, CALENDAR), now=now)


async def leave_contact(desk: CaseDesk, number: int) -> None:
    """Let a case be one with a contact."""
    await desk.take(number, lambda case, at, terms: contact_left(case, "li", at, terms), person())


async def put(
    database: Database, *windows: str, pressed: int = NOON, seen_from: int = NOON, since: int = NOON
) -> list[Case]:
    """Cases of these windows, numbered on, each with one rating."""
    async with database.writer.begin() as connection:
        last = await store.last(connection)
        made = [opened(number, window, pressed, since, TERMS) for number, window in enumerate(windows, last + 1)]
        await store.put(connection, made)
        ratings = [
            (
                Rating(window.partition("/")[0], EPOCH, case.number, window, pressed, 1, pressed, seen_from, 0),
                case.number,
            )
            for (case, _), window in zip(made, windows, strict=True)
        ]
        await store.put_ratings(connection, ratings)
    return [case for case, _ in made]


async def told(database: Database, number: int, viewer: Viewer = CITY) -> Told | None:
    """A case as `viewer` sees it."""
    async with database.reader.begin() as connection:
        return await reading.one(connection, number, viewer, CALENDAR)


async def whole(database: Database, number: int = 1) -> Told:
    """A case as the city sees it."""
    found = await told(database, number)
    assert found is not None
    return found


async def listed(database: Database, asked: Asked, viewer: Viewer = CITY, limit: int = 50) -> list[Listed]:
    """A page of cases."""
    async with database.reader.begin() as connection:
        return await reading.page(connection, asked, viewer, limit, CALENDAR)
