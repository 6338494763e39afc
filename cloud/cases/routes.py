"""Cases over HTTP for programs: the same list, the same case and the same deeds as on the console's pages."""

from collections.abc import Callable
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.body import Unread, read_as
from cloud.calendar import Calendar
from cloud.cases import reading
from cloud.cases.case import Action, Attachment, Case, CaseRefused, Deed, Kind, Level, State
from cloud.cases.desk import CaseDesk
from cloud.cases.reading import NEWEST, Asked, Told, Which
from cloud.cases.request import MOST_TEXT
from cloud.cases.request import Request as Wish
from cloud.cases.rules import allowed
from cloud.cases.veil import viewer_of
from cloud.door.asker import asker_of
from cloud.openapi import answer, described, problem, problems, taken
from cloud.people.rules import Person
from cloud.registry.routes import OWN_PLACE
from cloud.registry.snapshot import names_of

MOST = 200
# A text of `MOST_TEXT` letters in JSON, each escaped.
MOST_BYTES = 12 * MOST_TEXT
STATUS: dict[Kind, int] = {"role": 403, "state": 409, "changed": 409, "content": 400, "unknown": 404}

PlaceAsked = Annotated[
    str, Query(pattern=OWN_PLACE, description="A county, a township or a window; by default the asker's own place")
]
Number = Annotated[int, Path(ge=1, lt=NEWEST, description="Which case")]


class CaseLine(msgspec.Struct, frozen=True):
    """A case as the asker sees it; moments are ms, to the full hour for whoever is not the city's operator.

    `due_at`: the next obligation's deadline. `ratings`: how many of its ratings are seen. `version` goes with a deed.
    """

    number: int
    window: str
    township: str
    state: State
    level: Level
    opened_at: int
    first_at: int
    newest_at: int
    due_at: int | None
    assignee: str | None
    contact: bool
    unfounded_by: str | None
    closed_at: int | None
    ratings: int
    version: int


class CasePage(msgspec.Struct, frozen=True):
    """One page, newest first; `before` asks for the next one, None on the last."""

    cases: list[CaseLine]
    before: int | None


class CaseRating(msgspec.Struct, frozen=True):
    """A dissatisfied rating of a case, pressed at `at` (ms); its number is empty and 0 for whoever may not see it."""

    node: str
    epoch: str
    seq: int
    at: int


class CaseStep(msgspec.Struct, frozen=True):
    """One step of the history: `who` did what at `at` (ms), and the state after it.

    The file of an `attachment` is at `/cases/{number}/files/{sha256}`.
    """

    number: int
    at: int
    who: str
    action: Deed
    state: State
    text: str
    rating: int | None
    assignee: str | None
    attachment: Attachment | None


class WholeCase(msgspec.Struct, frozen=True):
    """A case with its ratings and its history, the earliest first, and what the asker can do in it now."""

    case: CaseLine
    ratings: list[CaseRating]
    steps: list[CaseStep]
    allowed: list[Action]


class Asking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A deed; `version` is the case's that was looked at. `rating` goes with revisit, `assignee` with assign."""

    action: Action
    version: int
    text: str = ""
    rating: int | None = None
    assignee: str | None = None


ANSWERS = (CasePage, WholeCase, Asking)
_asking = msgspec.json.Decoder(Asking)


def router(reader: AsyncEngine, desk: CaseDesk, *, calendar: Calendar, now: Callable[[], int]) -> APIRouter:
    """Return the routes; `now` is the city's time in ms."""
    routes = APIRouter(tags=["cases"])

    async def whole(number: int, person: Person) -> Response:
        async with reader.connect() as connection:
            found = await reading.one(connection, number, viewer_of(person, now()), calendar)
        return problem(404, f"there is no case {number}") if found is None else answer(_whole(found, person))

    @routes.get("/api/cases", responses=described(CasePage, "Cases of the place"), response_class=Response)
    async def cases(
        request: Request,
        place: PlaceAsked = "",
        which: Annotated[Which, Query(description="In one state, or all that have not ended, or any")] = "open",
        limit: Annotated[int, Query(ge=1, le=MOST, description="How many at most")] = 50,
        before: Annotated[int, Query(ge=1, le=NEWEST, description="Only those with a lower number")] = NEWEST,
        *,
        overdue: Annotated[bool, Query(description="Only those whose deadline has passed")] = False,
    ) -> Response:
        """Return the cases of a place, newest first."""
        person = asker_of(request).person
        asked = Asked(names_of(place or person.place), which, overdue, before)
        async with reader.connect() as connection:
            found = await reading.page(connection, asked, viewer_of(person, now()), limit, calendar)
        page = [_line(one.case, one.ratings) for one in found]
        return answer(CasePage(page, page[-1].number if len(page) == limit else None))

    @routes.get(
        "/api/cases/{number}",
        responses={**described(WholeCase, "The case"), **problems(_404="There is no such case for you")},
        response_class=Response,
    )
    async def case(request: Request, number: Number) -> Response:
        """Return one case with its ratings and its history."""
        return await whole(number, asker_of(request).person)

    @routes.post(
        "/api/cases/{number}/steps",
        openapi_extra=taken(Asking),
        responses={
            **described(WholeCase, "The case after it"),
            **problems(
                _400="Something in it is missing or wrong",
                _403="Not for this role",
                _404="There is no such case for you",
                _409="Not as the case is now, or somebody else has changed it meanwhile",
                _413="Too long",
            ),
        },
        response_class=Response,
    )
    async def act(request: Request, number: Number) -> Response:
        """Do something in a case."""
        try:
            asking = await read_as(request, _asking, MOST_BYTES)
        except Unread as bad:
            return problem(bad.status, str(bad))
        person = asker_of(request).person
        wish = Wish(asking.action, asking.text, asking.rating, asking.assignee)
        try:
            await desk.act(number, wish, person, seen=asking.version)
        except CaseRefused as refused:
            return problem(STATUS[refused.kind], refused.detail)
        return await whole(number, person)

    return routes


def _line(case: Case, ratings: int) -> CaseLine:
    return CaseLine(
        case.number,
        case.window,
        case.township,
        case.state,
        case.level,
        case.opened_at,
        case.first_at,
        case.newest_at,
        case.due_at,
        case.assignee,
        case.contact,
        case.unfounded_by,
        case.closed_at,
        ratings,
        case.steps,
    )


def _whole(found: Told, person: Person) -> WholeCase:
    steps = [
        CaseStep(
            one.number,
            one.at,
            one.who,
            one.action,
            one.state,
            one.body.text,
            one.body.rating,
            one.body.assignee,
            one.body.attachment,
        )
        for one in found.steps
    ]
    ratings = [CaseRating(one.node, one.epoch, one.seq, one.at) for one in found.ratings]
    return WholeCase(_line(found.case, len(ratings)), ratings, steps, allowed(found.case, person))
