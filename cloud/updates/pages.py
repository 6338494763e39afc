"""The pages on staged updates: a list with a form to begin one, and one with its nodes and what can be done now."""

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import RedirectResponse

from cloud.calendar import MINUTE_MS, Calendar
from cloud.configs.desk import LONGEST_REASON
from cloud.configs.rules import MOST_COOLDOWN_MS, MOST_SETTLE_MS, Timing
from cloud.console.listing import Cell, Column, Listing, Tone
from cloud.console.screens import Screens
from cloud.door.asker import asker_of
from cloud.health.rules import Device
from cloud.hours.rules import CITY
from cloud.openapi import problem
from cloud.registry.snapshot import Registry
from cloud.updates import store
from cloud.updates.desk import MOST_MINUTES, Plan, UpdateDesk, UpdateRefused
from cloud.updates.rules import ACTS, Act, Member, State, Update, late
from cloud.updates.worker import sights_of

Number = Annotated[int, Path(ge=1, lt=store.NEWEST)]
Seen = Annotated[int, Form(ge=0, lt=store.NEWEST)]

PAGE = 50
STATUS = {"place": 400, "running": 409, "content": 400, "reason": 400, "changed": 409, "state": 409, "unknown": 404}
PATIENCE, LIMIT = 10, 60
KEYS: Mapping[Act, str] = {"stop": "t", "go_on": "n", "roll_back": "r"}
_TONES: Mapping[State, Tone] = {"running": "warn", "stopped": "bad", "done": "good", "rolled_back": "quiet"}
_LIST = (
    Column("updates.number", number=True),
    Column("updates.state"),
    Column("updates.place"),
    Column("updates.times"),
    Column("updates.stage", number=True),
    Column("updates.at"),
    Column("updates.who"),
    Column("updates.reason"),
)
_NODES = (
    Column("updates.stage", number=True),
    Column("updates.node"),
    Column("updates.given", number=True),
    Column("updates.reported", number=True),
    Column("updates.stands"),
    Column("updates.taken"),
)
_Number = Annotated[str, Form(pattern="^[0-9]{0,7}$")]


class Pages:
    """`devices` and `registry` are asked at each request."""

    def __init__(
        self,
        reader: AsyncEngine,
        desk: UpdateDesk,
        screens: Screens,
        *,
        devices: Callable[[], list[Device]],
        registry: Callable[[], Registry],
        calendar: Calendar,
    ) -> None:
        self._reader = reader
        self._desk = desk
        self._screens = screens
        self._devices = devices
        self._registry = registry
        self._calendar = calendar

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/updates", self.updates)
        pages.add_api_route("/updates", self.start, methods=["POST"])
        pages.add_api_route("/updates/{number}", self.update)
        pages.add_api_route("/updates/{number}/act", self.act, methods=["POST"])
        return pages

    async def updates(
        self, request: Request, before: Annotated[int, Query(ge=1, le=store.NEWEST)] = store.NEWEST
    ) -> Response:
        """List the updates, the newest first."""
        return await self._updates(request, before=before)

    async def start(
        self,
        request: Request,
        place: Annotated[str, Form(max_length=40)] = CITY,
        settle_ms: _Number = "",
        cooldown_ms: _Number = "",
        patience: _Number = "",
        limit: _Number = "",
        reason: Annotated[str, Form(max_length=1000)] = "",
    ) -> Response:
        """Begin an update, and show it."""
        timing = Timing(*(int(one) if one else None for one in (settle_ms, cooldown_ms)))
        plan = Plan(place.strip(), timing, int(patience or PATIENCE), int(limit or LIMIT), reason.strip())
        try:
            number = await self._desk.start(plan, asker_of(request).person.name)
        except UpdateRefused as refused:
            return await self._updates(request, refused=refused, plan=plan)
        return RedirectResponse(f"/updates/{number}", 303)

    async def update(self, request: Request, number: Number) -> Response:
        """Show one update."""
        return await self._update(request, number)

    async def act(self, request: Request, number: Number, act: Annotated[Act, Form()], seen: Seen) -> Response:
        """Do what was asked for, and show the update as it is then."""
        try:
            await self._desk.act(number, act, asker_of(request).person.name, seen=seen)
        except UpdateRefused as refused:
            return await self._update(request, number, refused=refused)
        return RedirectResponse(f"/updates/{number}", 303)

    async def _updates(
        self,
        request: Request,
        *,
        before: int = store.NEWEST,
        refused: UpdateRefused | None = None,
        plan: Plan | None = None,
    ) -> Response:
        async with self._reader.connect() as connection:
            found = await store.page(connection, before, PAGE)
        more = f"/updates?before={found[-1].number}" if len(found) == PAGE else None
        return self._screens.listed(
            request,
            "updates.html",
            Listing("updates", _LIST, [self._row(request, one) for one in found], more),
            status=200 if refused is None else STATUS[refused.kind],
            places=self._places(request),
            plan=plan or Plan(CITY, Timing(None, None), PATIENCE, LIMIT, ""),
            most=(MOST_SETTLE_MS, MOST_COOLDOWN_MS, MOST_MINUTES, LONGEST_REASON),
            refused="" if refused is None else f"updates.refused_{refused.kind}",
        )

    async def _update(self, request: Request, number: Number, *, refused: UpdateRefused | None = None) -> Response:
        async with self._reader.begin() as connection:
            update = await store.one(connection, number)
            members = await store.members(connection, number)
        if update is None:
            return problem(404, f"there is no update {number}")
        sights = sights_of(self._devices())
        reported = {name: sight.version for name, sight in sights.items()}
        rows = [self._member(request, update, one, reported.get(one.node, 0)) for one in members]
        return self._screens.listed(
            request,
            "update.html",
            Listing(f"update-{number}", _NODES, rows),
            status=200 if refused is None else STATUS[refused.kind],
            update=update,
            tone=_TONES[update.state],
            place=self._called(request, update.place),
            times=self._times(request, update.timing),
            stages=max((one.stage for one in members), default=0),
            minutes=(update.patience_ms // MINUTE_MS, update.limit_ms // MINUTE_MS),
            late=late(update, members) if update.state == "stopped" else [],
            acts=ACTS[update.state],
            keys=KEYS,
            refused="" if refused is None else f"updates.refused_{refused.kind}",
        )

    def _row(self, request: Request, one: Update) -> list[Cell]:
        return [
            Cell(str(one.number), f"/updates/{one.number}"),
            Cell(self._screens.word(request, f"progress.{one.state}"), tone=_TONES[one.state]),
            Cell(self._called(request, one.place)),
            Cell(self._times(request, one.timing)),
            Cell(str(one.stage)),
            Cell(self._calendar.shown(one.at)),
            Cell(one.who),
            Cell(one.reason),
        ]

    def _member(self, request: Request, update: Update, one: Member, reported: int) -> list[Cell]:
        if one.excused:
            stands, tone = "excused", "warn"
        elif one.version is None:
            stands, tone = "later", "quiet"
        elif one.taken_at is None:
            stands, tone = ("missing", "bad") if update.state == "stopped" else ("waiting", "warn")
        else:
            stands, tone = "taken", "good"
        tones: Mapping[str, Tone] = {"warn": "warn", "quiet": "quiet", "bad": "bad", "good": "good"}
        return [
            Cell(str(one.stage)),
            Cell(one.node, f"/devices/{one.node}"),
            Cell("" if one.version is None else str(one.version)),
            Cell(str(reported) if reported else ""),
            Cell(self._screens.word(request, f"member.{stands}"), tone=tones[tone]),
            Cell("" if one.taken_at is None else self._calendar.shown(one.taken_at)),
        ]

    def _called(self, request: Request, place: str) -> str:
        return self._screens.called(request, self._registry(), place)

    def _times(self, request: Request, timing: Timing) -> str:
        said = [
            f"{self._screens.word(request, f'configs.{name}')} {value:,} ms"
            for name, value in timing._asdict().items()
            if value is not None
        ]
        return "; ".join(said)

    def _places(self, request: Request) -> list[tuple[str, str]]:
        """What an update can be for: the city, its counties and townships that have a configured node."""
        registry = self._registry()
        townships = {node[:9] for node in registry.configs}
        codes = sorted(townships | {code[:6] for code in townships})
        return [(code, self._called(request, code)) for code in (CITY, *codes)]
