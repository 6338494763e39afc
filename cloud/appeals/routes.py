"""Appeals over HTTP for programs: the same list, the same appeal and the same deeds as on the console's pages."""

from collections.abc import Awaitable, Mapping
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.appeals import store
from cloud.appeals.appeal import Appeal, AppealRefused, Decided, Deed, Kind, State, Why, Wish
from cloud.appeals.desk import AppealDesk
from cloud.appeals.store import NEWEST, Asked
from cloud.body import Unread, read_as
from cloud.cases.routes import MOST_BYTES, PlaceAsked
from cloud.door.asker import asker_of
from cloud.door.rules import Route
from cloud.openapi import Told, answer, described, problem, problems, taken

MOST = 200
STATUS: Mapping[Why, int] = {
    "late": 409, "unknown": 404, "twice": 409, "own": 409, "others": 409, "content": 400, "state": 409, "changed": 409,
}  # fmt: skip
_DECIDE: Route = ("POST", "/reports/appeals/{number}/decide")
# By which of the console's routes each is done, whose line in the door's table says who may.
ROUTES: Mapping[Deed, Route] = {
    "grant": _DECIDE,
    "refuse": _DECIDE,
    "withdraw": ("POST", "/reports/appeals/{number}/withdraw"),
}

Number = Annotated[int, Path(ge=1, lt=NEWEST, description="Which appeal")]


class AppealLine(msgspec.Struct, frozen=True):
    """An appeal against the line of `unit` (its code) in edition `edition` of `period`; moments are ms.

    `answer`: what was said when it was decided or withdrawn. `version` goes with a deed.
    """

    number: int
    period: str
    edition: int
    unit: str
    kind: Kind
    reason: str
    filed_by: str
    filed_at: int
    state: State
    answer: str
    decided_by: str | None
    decided_at: int | None
    version: int


class AppealPage(msgspec.Struct, frozen=True):
    """One page, newest first; `before` asks for the next one, None on the last."""

    appeals: list[AppealLine]
    before: int | None


class AppealForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An appeal to file, against the line of the place that is asked about in edition `edition` of `period`."""

    period: Annotated[str, msgspec.Meta(pattern=r"^[0-9HQW-]{4,10}$")]
    edition: Annotated[int, msgspec.Meta(ge=1, lt=NEWEST)]
    kind: Kind
    reason: str


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of an appeal: `grant` with what is done about it, or `refuse` with why.

    `version` is the appeal's that was looked at.
    """

    deed: Decided
    version: int
    text: str


class Withdrawal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Taking one's own appeal back; `version` is the appeal's that was looked at."""

    version: int
    text: str = ""


ANSWERS = (AppealPage, AppealLine, AppealForm, Decision, Withdrawal)
_form = msgspec.json.Decoder(AppealForm)
_decision = msgspec.json.Decoder(Decision)
_withdrawal = msgspec.json.Decoder(Withdrawal)
_REFUSALS = {
    "_400": "Something in it is missing or wrong",
    "_403": "Not for this role",
    "_404": "There is no such edition, line or appeal for you",
    "_409": "Not as it is now, or somebody else has changed it meanwhile",
    "_413": "Too long",
}


def router(reader: AsyncEngine, desk: AppealDesk) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["appeals"])

    @routes.get("/api/appeals", responses=described(AppealPage, "Appeals of the place"), response_class=Response)
    async def appeals(
        request: Request,
        place: PlaceAsked = "",
        state: Annotated[State | None, Query(description="Only those in this state")] = None,
        period: Annotated[str, Query(pattern=r"^[0-9HQW-]{0,10}$", description="Only those of this period")] = "",
        limit: Annotated[int, Query(ge=1, le=MOST, description="How many at most")] = 50,
        before: Annotated[int, Query(ge=1, le=NEWEST, description="Only those with a lower number")] = NEWEST,
    ) -> Response:
        """Return the appeals of a place, newest first."""
        asked = Asked(place or asker_of(request).person.place, state, period, before)
        async with reader.connect() as connection:
            found = await store.page(connection, asked, limit)
        return answer(AppealPage([_line(one) for one in found], found[-1].number if len(found) == limit else None))

    @routes.post(
        "/api/appeals",
        openapi_extra=taken(AppealForm),
        responses=_answers("The appeal that was filed"),
        response_class=Response,
    )
    async def file(request: Request, place: PlaceAsked = "") -> Response:
        """Appeal against the line of a place."""
        return await _told(_file(desk, request, place))

    @routes.get(
        "/api/appeals/{number}",
        responses={**described(AppealLine, "The appeal"), **problems(_404="There is no such appeal for you")},
        response_class=Response,
    )
    async def appeal(number: Number) -> Response:
        """Return one appeal."""
        async with reader.connect() as connection:
            found = await store.load(connection, number)
        return problem(404, f"there is no appeal {number}") if found is None else answer(_line(found))

    @routes.post(
        "/api/appeals/{number}/decision",
        openapi_extra=taken(Decision),
        responses=_answers("The appeal after it"),
        response_class=Response,
    )
    async def decide(request: Request, number: Number) -> Response:
        """Grant or refuse an appeal that somebody else has filed."""
        return await _told(_decide(desk, request, number))

    @routes.post(
        "/api/appeals/{number}/withdrawal",
        openapi_extra=taken(Withdrawal),
        responses=_answers("The appeal after it"),
        response_class=Response,
    )
    async def withdraw(request: Request, number: Number) -> Response:
        """Take an appeal of one's own back."""
        return await _told(_withdraw(desk, request, number))

    return routes


async def _told(deed: Awaitable[Appeal]) -> Response:
    """The appeal after `deed`, or why nothing was done."""
    try:
        return answer(_line(await deed))
    except Unread as bad:
        return problem(bad.status, str(bad))
    except AppealRefused as refused:
        return problem(STATUS[refused.why], refused.detail)


async def _file(desk: AppealDesk, request: Request, place: str) -> Appeal:
    form, person = await read_as(request, _form, MOST_BYTES), asker_of(request).person
    return await desk.file(Wish(form.period, form.edition, place or person.place, form.kind, form.reason), person.name)


async def _decide(desk: AppealDesk, request: Request, number: int) -> Appeal:
    asked, person = await read_as(request, _decision, MOST_BYTES), asker_of(request).person
    return await desk.act(number, asked.deed, asked.text, person.name, seen=asked.version)


async def _withdraw(desk: AppealDesk, request: Request, number: int) -> Appeal:
    asked, person = await read_as(request, _withdrawal, MOST_BYTES), asker_of(request).person
    return await desk.act(number, "withdraw", asked.text, person.name, seen=asked.version)


def _line(appeal: Appeal) -> AppealLine:
    return AppealLine(*appeal)


def _answers(what: str) -> Told:
    return {**described(AppealLine, what), **problems(**_REFUSALS)}
