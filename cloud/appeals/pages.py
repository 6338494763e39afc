"""The pages on appeals: those of a place, one with what can be done about it, and filing one on an edition's page."""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import RedirectResponse

from cloud.appeals import store
from cloud.appeals.appeal import STATES, Appeal, AppealRefused, Decided, Deed, Kind, State, Wish
from cloud.appeals.desk import AppealDesk
from cloud.appeals.routes import ROUTES, STATUS
from cloud.appeals.rules import possible
from cloud.appeals.store import NEWEST, Asked
from cloud.calendar import Calendar
from cloud.console.listing import Cell, Column, Listing, Tone
from cloud.console.screens import Screens, queried
from cloud.door.asker import asker_of
from cloud.door.numbered import place_of
from cloud.door.rules import TABLE
from cloud.openapi import problem
from cloud.people.rules import Person
from cloud.registry.routes import OWN_PLACE
from cloud.registry.snapshot import Registry
from cloud.reports.pages import Pages as ReportPages
from cloud.reports.routes import Number, PeriodName
from cloud.reports.rows import View
from cloud.reports.rules import DAY_MS

PAGE = 50
_COLUMNS = (
    Column("appeals.number", number=True),
    Column("appeals.state"),
    Column("appeals.edition"),
    Column("appeals.unit"),
    Column("appeals.kind"),
    Column("appeals.filed"),
    Column("appeals.age", number=True),
)
# By which key each is chosen on an appeal's page.
KEYS: dict[Deed, str] = {"grant": "a", "refuse": "r", "withdraw": "w"}
TONES: dict[State, Tone] = {"filed": "warn", "granted": "good", "refused": "bad", "withdrawn": "quiet"}
Text = Annotated[str, Form(max_length=8000)]


class Pages:
    """Reads through `reader` and acts at `desk`; `reports` shows editions, `registry` names places, `now` is in ms."""

    def __init__(
        self,
        reader: AsyncEngine,
        desk: AppealDesk,
        reports: ReportPages,
        screens: Screens,
        *,
        registry: Callable[[], Registry],
        calendar: Calendar,
        now: Callable[[], int],
    ) -> None:
        self._reader = reader
        self._desk = desk
        self._reports = reports
        self._screens = screens
        self._registry = registry
        self._calendar = calendar
        self._now = now

    def router(self) -> APIRouter:
        """Return the routes, which go before those of editions."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/reports/appeals", self.appeals)
        pages.add_api_route("/reports/appeals/{number}", self.appeal)
        pages.add_api_route("/reports/appeals/{number}/withdraw", self.withdraw, methods=["POST"])
        pages.add_api_route("/reports/appeals/{number}/decide", self.decide, methods=["POST"])
        pages.add_api_route("/reports/{period}/{number}/appeals", self.file, methods=["POST"])
        return pages

    async def where(self, number: str, _person: Person) -> str | None:
        """Return the unit of appeal `number`, for the door; None where there is none."""
        return await place_of(self._reader, number, store.unit_of)

    async def appeals(
        self,
        request: Request,
        place: Annotated[str, Query(pattern=OWN_PLACE)] = "",
        state: Annotated[State | Literal[""], Query()] = "",
        period: Annotated[str, Query(pattern=r"^[0-9HQW-]{0,10}$")] = "",
        before: Annotated[int, Query(ge=1, le=NEWEST)] = NEWEST,
    ) -> Response:
        """List the appeals of a place, by default the asker's own, the newest first."""
        asked = Asked(place or asker_of(request).person.place, state or None, period, before)
        async with self._reader.connect() as connection:
            found = await store.page(connection, asked, PAGE)
        more = None
        if len(found) == PAGE:
            more = queried(request, before=found[-1].number)
        listing = Listing("appeals", _COLUMNS, [self._row(request, one) for one in found], more)
        return self._screens.listed(
            request, "appeals.html", listing, place=place, state=state, period=period, states=STATES
        )

    async def appeal(self, request: Request, number: int) -> Response:
        """Show one appeal."""
        return await self._shown(request, number)

    async def file(
        self,
        request: Request,
        period: PeriodName,
        number: Number,
        kind: Annotated[Kind, Form()],
        reason: Text = "",
        place: Annotated[str, Query(pattern=OWN_PLACE)] = "",
    ) -> Response:
        """File an appeal against the line of a place, and show it."""
        person = asker_of(request).person
        try:
            appeal = await self._desk.file(Wish(period, number, place or person.place, kind, reason), person.name)
        except AppealRefused as refused:
            view = View(period, number, place)
            return await self._reports.shown(
                request, view, status=STATUS[refused.why], refused=refused, text=reason, ground=kind
            )
        return RedirectResponse(f"/reports/appeals/{appeal.number}", 303)

    async def withdraw(
        self, request: Request, number: int, seen: Annotated[int, Form(ge=0)], text: Text = ""
    ) -> Response:
        """Take an appeal back."""
        return await self._act(request, number, "withdraw", text, seen)

    async def decide(
        self,
        request: Request,
        number: int,
        deed: Annotated[Decided, Form()],
        seen: Annotated[int, Form(ge=0)],
        text: Text = "",
    ) -> Response:
        """Grant or refuse an appeal."""
        return await self._act(request, number, deed, text, seen)

    async def _act(self, request: Request, number: int, deed: Deed, text: str, seen: int) -> Response:
        try:
            await self._desk.act(number, deed, text, asker_of(request).person.name, seen=seen)
        except AppealRefused as refused:
            return await self._shown(request, number, refused=refused, text=text, wished=deed)
        return RedirectResponse(f"/reports/appeals/{number}", 303)

    async def _shown(
        self,
        request: Request,
        number: int,
        *,
        refused: AppealRefused | None = None,
        text: str = "",
        wished: Deed | None = None,
    ) -> Response:
        async with self._reader.connect() as connection:
            appeal = await store.load(connection, number)
        if appeal is None:
            return problem(404, f"there is no appeal {number}")
        person = asker_of(request).person
        return self._screens.page(
            request,
            "appeal.html",
            status=200 if refused is None else STATUS[refused.why],
            here=f"/reports/appeals/{number}",
            appeal=appeal,
            tone=TONES[appeal.state],
            unit=self._screens.called(request, self._registry(), appeal.unit),
            deeds=[deed for deed in possible(appeal, person.name) if person.role in TABLE[ROUTES[deed]].roles],
            paths={deed: path.replace("{number}", str(number)) for deed, (_, path) in ROUTES.items()},
            keys=KEYS,
            refused="" if refused is None else f"appeals.refused_{refused.why}",
            text=text,
            wished=wished,
        )

    def _row(self, request: Request, one: Appeal) -> list[Cell]:
        word = self._screens.word
        age = str((self._now() - one.filed_at) // DAY_MS) if one.undecided else ""
        return [
            Cell(str(one.number), f"/reports/appeals/{one.number}"),
            Cell(word(request, f"appeal.{one.state}"), tone=TONES[one.state]),
            Cell(f"{one.period} · {one.edition}", f"/reports/{one.period}/{one.edition}?place={one.unit}"),
            Cell(self._screens.called(request, self._registry(), one.unit)),
            Cell(word(request, f"ground.{one.kind}")),
            Cell(self._calendar.shown(one.filed_at)),
            Cell(age),
        ]
