"""A device's page: how it is, its windows, and a node's configurations with what can be done about them."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import RedirectResponse

from cloud.calendar import Calendar
from cloud.cases.veil import viewer_of
from cloud.configs import store
from cloud.configs.desk import LONGEST_REASON, ConfigDesk, ConfigRefused, Wish
from cloud.configs.rules import MOST_COOLDOWN_MS, MOST_SETTLE_MS, Timing, standing, told
from cloud.console.listing import Cell, Column, Listing
from cloud.console.screens import Screens, language_of
from cloud.door.asker import asker_of
from cloud.door.rules import OPERATORS
from cloud.health.rules import Device
from cloud.openapi import problem
from cloud.people.rules import Person
from cloud.registry.snapshot import Registry
from cloud.windows import store as windows
from cloud.windows.rules import said
from contract.identity import COUNTER, node_of
from contract.lines import line

# So many versions of a configuration stand on its page.
VERSIONS = 50
STATUS = {"unknown": 404, "changed": 409, "same": 409, "content": 400, "reason": 400}
_WINDOWS = (Column("windows.window"), Column("windows.registered"), Column("windows.last"))
_Times = Annotated[str, Form(pattern="^[0-9]{0,7}$")]
_Version = Annotated[int, Form(ge=0, lt=1 << 53)]
_Reason = Annotated[str, Form(max_length=1000)]


class Pages:
    """`devices` and `registry` are asked at each request; `now` is the city's time in ms."""

    def __init__(
        self,
        reader: AsyncEngine,
        desk: ConfigDesk,
        screens: Screens,
        *,
        devices: Callable[[], list[Device]],
        registry: Callable[[], Registry],
        calendar: Calendar,
        now: Callable[[], int],
    ) -> None:
        self._reader = reader
        self._desk = desk
        self._screens = screens
        self._devices = devices
        self._registry = registry
        self._calendar = calendar
        self._now = now

    def router(self) -> APIRouter:
        """Return the routes."""
        pages = APIRouter(include_in_schema=False)
        pages.add_api_route("/devices/{node}", self.device)
        pages.add_api_route("/devices/{node}/times", self.set_times, methods=["POST"])
        pages.add_api_route("/devices/{node}/back", self.roll_back, methods=["POST"])
        return pages

    async def where(self, node: str, _: Person) -> str | None:
        """Return the place of `node`, for the door: its name says it; None for what is no name."""
        return node if COUNTER.fullmatch(node) else None

    async def device(self, request: Request, node: str) -> Response:
        """Show one device."""
        return await self._device(request, node)

    async def set_times(
        self,
        request: Request,
        node: str,
        seen: _Version,
        settle_ms: _Times = "",
        cooldown_ms: _Times = "",
        reason: _Reason = "",
    ) -> Response:
        """Set settle and cooldown, and show the device as it is then."""
        timing = Timing(*(int(one) if one else None for one in (settle_ms, cooldown_ms)))
        try:
            await self._desk.set_times(self._wish(request, node, reason, seen), timing)
        except ConfigRefused as refused:
            return await self._device(request, node, refused=refused, reason=reason)
        return RedirectResponse(f"/devices/{node}", 303)

    async def roll_back(
        self,
        request: Request,
        node: str,
        seen: _Version,
        version: _Version,
        reason: _Reason = "",
    ) -> Response:
        """Give an old version's content again, and show the device as it is then."""
        try:
            await self._desk.roll_back(self._wish(request, node, reason, seen), version)
        except ConfigRefused as refused:
            return await self._device(request, node, refused=refused, reason=reason)
        return RedirectResponse(f"/devices/{node}", 303)

    def _wish(self, request: Request, node: str, reason: str, seen: int) -> Wish:
        return Wish(node, asker_of(request).person.name, reason.strip(), seen)

    async def _device(
        self, request: Request, node: str, *, refused: ConfigRefused | None = None, reason: str = ""
    ) -> Response:
        person, now, registry = asker_of(request).person, self._now(), self._registry()
        device = next((one for one in self._devices() if one.node == node), None)
        if device is None and registry.node(node) is None:
            return problem(404, f"there is no device {node}")
        names = sorted(one for one in registry.windows if node_of(one) == node)
        async with self._reader.connect() as connection:
            history = await store.history(connection, node, VERSIONS)
            presses = {}
            if names:
                presses = await windows.presses(connection, (names[0], names[-1]), now, self._calendar)
        viewer = viewer_of(person, now)
        rows = [
            [
                Cell(window, f"/windows/{window}"),
                Cell(self._yes(request, registered=registry.has_window(window, now))),
                Cell(said(presses.get(window), viewer, self._calendar)),
            ]
            for window in names
        ]
        newest = history[0] if history else None
        stands = standing(
            newest and newest.version,
            newest.at if newest else 0,
            device.config if device else 0,
            now,
            there=device is not None and device.state != "offline",
        )
        return self._screens.page(
            request,
            "device.html",
            status=200 if refused is None else STATUS[refused.kind],
            here=f"/devices/{node}",
            node=node,
            device=device,
            kind=device.kind if device else "node",
            township=registry.called(node[:9], language_of(request)),
            windows=Listing("device-windows", _WINDOWS, rows),
            newest=newest,
            standing=stands,
            history=told(history),
            may=person.role in OPERATORS,
            line=line,
            most=(MOST_SETTLE_MS, MOST_COOLDOWN_MS, LONGEST_REASON),
            refused="" if refused is None else f"configs.refused_{refused.kind}",
            reason=reason,
        )

    def _yes(self, request: Request, *, registered: bool) -> str:
        return self._screens.word(request, "windows.yes" if registered else "windows.no")
