"""Alerts over HTTP for programs: the same list, the same alert and the same deeds as on the console's pages."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud.alerts import store
from cloud.alerts.alert import Action, Alert, AlertRefused, Deed, Figures, Kind, State, Why
from cloud.alerts.desk import AlertDesk
from cloud.alerts.rules import allowed
from cloud.alerts.store import NEWEST, Asked
from cloud.body import Unread, read_as
from cloud.cases.case import Level
from cloud.cases.routes import MOST_BYTES, PlaceAsked
from cloud.door.asker import asker_of
from cloud.openapi import answer, described, problem, problems, taken
from cloud.people.rules import AT_ONCE, Person
from cloud.registry.snapshot import names_of

MOST = 200
STATUS: dict[Why, int] = {"role": 403, "state": 409, "changed": 409, "content": 400, "unknown": 404}

Number = Annotated[int, Path(ge=1, lt=NEWEST, description="Which alert")]


class AlertLine(msgspec.Struct, frozen=True):
    """An alert; moments are ms. `holder`: the leader who was told last. `version` goes with a deed.

    `figures`: of a rate, for the city's operators alone: of two alerts the difference would be single grades of today.
    """

    number: int
    kind: Kind
    state: State
    window: str
    level: Level
    case: int | None
    figures: Figures | None
    raised_at: int
    holder: str | None
    closed_at: int | None
    version: int


class AlertPage(msgspec.Struct, frozen=True):
    """One page, newest first; `before` asks for the next one, None on the last."""

    alerts: list[AlertLine]
    before: int | None


class AlertStep(msgspec.Struct, frozen=True):
    """One step of the history: `who` did what at `at` (ms); of "tell" `holder` is who was told."""

    number: int
    at: int
    who: str
    action: Deed
    text: str
    holder: str | None


class WholeAlert(msgspec.Struct, frozen=True):
    """An alert with its history, the earliest first, and what the asker can do about it now."""

    alert: AlertLine
    steps: list[AlertStep]
    allowed: list[Action]


class Answering(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A deed; `version` is the alert's that was looked at. A comment and a close say something."""

    action: Action
    version: int
    text: str = ""


ANSWERS = (AlertPage, WholeAlert, Answering)
_answering = msgspec.json.Decoder(Answering)


def router(reader: AsyncEngine, desk: AlertDesk) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["alerts"])

    async def whole(number: int, person: Person) -> Response:
        async with reader.begin() as connection:
            alert = await store.load(connection, number)
            steps = await store.steps(connection, number)
        if alert is None:
            return problem(404, f"there is no alert {number}")
        return answer(WholeAlert(_line(alert, person), [AlertStep(*step) for step in steps], allowed(alert, person)))

    @routes.get("/api/alerts", responses=described(AlertPage, "Alerts of the place"), response_class=Response)
    async def alerts(
        request: Request,
        place: PlaceAsked = "",
        limit: Annotated[int, Query(ge=1, le=MOST, description="How many at most")] = 50,
        before: Annotated[int, Query(ge=1, le=NEWEST, description="Only those with a lower number")] = NEWEST,
        *,
        closed: Annotated[bool, Query(description="Those that are closed, too")] = False,
    ) -> Response:
        """Return the alerts of a place, newest first."""
        asked = Asked(names_of(place or asker_of(request).person.place), closed, before=before)
        async with reader.connect() as connection:
            found = await store.page(connection, asked, limit)
        page = [_line(one, asker_of(request).person) for one in found]
        return answer(AlertPage(page, page[-1].number if len(page) == limit else None))

    @routes.get(
        "/api/alerts/{number}",
        responses={**described(WholeAlert, "The alert"), **problems(_404="There is no such alert for you")},
        response_class=Response,
    )
    async def alert(request: Request, number: Number) -> Response:
        """Return one alert with its history."""
        return await whole(number, asker_of(request).person)

    @routes.post(
        "/api/alerts/{number}/steps",
        openapi_extra=taken(Answering),
        responses={
            **described(WholeAlert, "The alert after it"),
            **problems(
                _400="Something in it is missing or wrong",
                _403="Not for this role",
                _404="There is no such alert for you",
                _409="Not as the alert is now, or somebody else has changed it meanwhile",
                _413="Too long",
            ),
        },
        response_class=Response,
    )
    async def act(request: Request, number: Number) -> Response:
        """Do something about an alert."""
        try:
            asking = await read_as(request, _answering, MOST_BYTES)
        except Unread as bad:
            return problem(bad.status, str(bad))
        person = asker_of(request).person
        try:
            await desk.act(number, asking.action, asking.text, person, seen=asking.version)
        except AlertRefused as refused:
            return problem(STATUS[refused.why], refused.detail)
        return await whole(number, person)

    return routes


def _line(alert: Alert, person: Person) -> AlertLine:
    return AlertLine(
        alert.number,
        alert.kind,
        alert.state,
        alert.window,
        alert.level,
        alert.case,
        alert.figures if person.role in AT_ONCE else None,
        alert.raised_at,
        alert.holder,
        alert.closed_at,
        alert.steps,
    )
